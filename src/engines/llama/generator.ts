import { createHash } from 'node:crypto';
import { MillraceError, toMillraceError } from '../../errors.ts';
import type { CallOptions, GeneratePart, GenerateRequest, Generator, LoadGeneratorOptions } from '../../spec/engine.ts';
import type { EngineLink } from './engine-process.ts';
import { createStoredPrefixes } from './stored-prefixes.ts';
import type { EngineReply, GenerateResult, LoadedModel } from './protocol.ts';
import { createTokenizer } from './tokenizer.ts';

export function createGenerator(options: {
  readonly link: EngineLink;
  readonly request: LoadGeneratorOptions;
  readonly loaded: LoadedModel;
  readonly kvType: 'f16' | 'q8_0';
}): Generator {
  const { link, request: load, loaded, kvType } = options;
  const { sequences, kvTokens, maxSequenceTokens, sharesPrefixes } = loaded;
  const hash = createHash('sha256')
    .update(JSON.stringify([load.sha256, maxSequenceTokens, kvType]))
    .digest('hex');

  async function* generate(request: GenerateRequest, { class: workClass, signal }: CallOptions): AsyncGenerator<GeneratePart> {
    if (signal.aborted) throw toMillraceError(signal.reason, 'E_CANCELLED');
    const engine = await link.engine(signal).catch((error: unknown) => {
      throw toMillraceError(signal.aborted ? signal.reason : error, 'E_CANCELLED');
    });
    // It may have been aborted between the answer of the child and this line; the listener below would never hear of it.
    if (signal.aborted) throw toMillraceError(signal.reason, 'E_CANCELLED');
    const replies = createReplyQueue();
    const cancel = engine.request({ type: 'generate', handle: link.handle, class: workClass, request }, replies.push);
    signal.addEventListener('abort', cancel, { once: true });
    let delivered = false;
    try {
      for (;;) {
        const reply = await replies.next();
        if (reply.type === 'error') throw errorOf(reply, signal, delivered);
        const part = partOf(reply, request);
        if (part?.type === 'text') delivered = true;
        if (part !== undefined) yield part;
        if (reply.type === 'result') return;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
      await replies.ended;
    }
  }

  return {
    model: { id: load.id, hash, title: load.title, maxSequenceTokens },
    tokenizer: createTokenizer(link),
    generate,
    capacity: () => ({ sequences, kvTokens, maxSequenceTokens, ...(sharesPrefixes ? {} : { sharesPrefixes }) }),
    ...(loaded.prefixes === undefined ? {} : { prefixes: createStoredPrefixes(link, loaded.prefixes) }),
  };
}

function errorOf(reply: Extract<EngineReply, { type: 'error' }>, signal: AbortSignal, delivered: boolean): MillraceError {
  if (reply.error.code === 'E_CANCELLED' && signal.aborted) return toMillraceError(signal.reason, 'E_CANCELLED');
  return MillraceError.fromJSON(reply.error, { delivered });
}

function partOf(reply: EngineReply, request: GenerateRequest): GeneratePart | undefined {
  if (reply.type === 'prefix-ready') return { type: 'prefix-ready', prefixKey: request.prefixKey!, tokens: reply.tokens };
  if (reply.type === 'text') return { type: 'text', text: reply.text };
  if (reply.type !== 'result') return undefined;
  const { text, stopReason, tokens, meanLogProbability, weights, ...usage } = reply.value as GenerateResult;
  return {
    type: 'final',
    text,
    stopReason,
    tokens,
    usage: { ...usage, outputTokens: tokens.length },
    ...(meanLogProbability === undefined ? {} : { meanLogProbability }),
    ...(weights === undefined ? {} : { weights }),
  };
}

/** Replies that came and were not read; texts that follow each other are joined, so a slow reader finds few. */
function createReplyQueue() {
  const waiting: EngineReply[] = [];
  const ended = Promise.withResolvers<void>();
  let wake: (() => void) | undefined;
  return {
    ended: ended.promise,
    push(reply: EngineReply): void {
      const last = waiting.at(-1);
      if (reply.type === 'text' && last?.type === 'text') waiting[waiting.length - 1] = { ...last, text: last.text + reply.text };
      else waiting.push(reply);
      if (reply.type === 'result' || reply.type === 'error') ended.resolve();
      wake?.();
    },
    async next(): Promise<EngineReply> {
      for (;;) {
        const reply = waiting.shift();
        if (reply !== undefined) return reply;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
