import { MillraceError } from '../../../errors.ts';
import type { EngineReply, EngineRequest, GenerateResult } from '../protocol.ts';
import type { GenerateCommand, WorkerEvent } from './messages.ts';
import { createTextStream } from './text-stream.ts';
import type { Vocabulary } from './vocabulary.ts';

/**
 * Tokens of an answer that is delivered whole are told together: each message wakes this thread, which takes a core from a step. A stop
 * string is found so many tokens later at most.
 */
const tokensTogether = 8;

/** The text side of one running request: tokens of the compute thread in, replies out. */
export interface Generation {
  /** `stop`: a stop string is complete, the compute thread should end the sequence. `ended`: the last reply was pushed. */
  digest(event: WorkerEvent, replies: EngineReply[]): { readonly stop: boolean; readonly ended: boolean };
  /** The caller gave up; the request ends with `E_CANCELLED` when its sequence has ended. */
  cancel(): void;
}

/**
 * @throws MillraceError E_CONTEXT_EXCEEDED, E_INPUT_INVALID, E_TEMPLATE_INVALID
 */
export function createGeneration(options: {
  readonly message: Extract<EngineRequest, { type: 'generate' }>;
  readonly vocabulary: Vocabulary;
  readonly maxSequenceTokens: number;
}): { generation: Generation; work: Omit<GenerateCommand, 'stored' | 'keep'> } {
  const { id, handle, request } = options.message;
  const { vocabulary } = options;
  const prompt = vocabulary.promptTokens(request.prompt);
  const promptTokens = prompt.tokens.length;
  if (promptTokens === 0) throw new MillraceError('E_INPUT_INVALID', 'The prompt holds no token.');
  if (promptTokens + request.maxTokens > options.maxSequenceTokens) {
    throw new MillraceError(
      'E_CONTEXT_EXCEEDED',
      `The prompt has ${promptTokens} tokens and the answer may have ${request.maxTokens}; together they may be ${options.maxSequenceTokens}.`,
      { details: { promptTokens, maxTokens: request.maxTokens, maxSequenceTokens: options.maxSequenceTokens } },
    );
  }
  const text = createTextStream(request.stop);
  const tokens: number[] = [];
  let whole = '';
  let stopped = false;
  let cancelled = false;

  function deliver(added: string, replies: EngineReply[]): void {
    if (added === '') return;
    whole += added;
    if (request.deliver === 'stream' && !cancelled) replies.push({ type: 'text', id, text: added });
  }

  const generation: Generation = {
    digest(event, replies) {
      if (event.type === 'prefix-ready') {
        replies.push({ type: 'prefix-ready', id, tokens: event.tokens });
      } else if (event.type === 'tokens' && !stopped) {
        for (const token of event.tokens) {
          tokens.push(token);
          const advance = text.push(vocabulary.piece(token));
          deliver(advance.text, replies);
          stopped = advance.stopped;
          if (stopped) break;
        }
        return { stop: stopped, ended: false };
      } else if (event.type === 'ended') {
        if (cancelled) {
          replies.push({ type: 'error', id, error: new MillraceError('E_CANCELLED', 'The work was cancelled.').toJSON() });
          return { stop: false, ended: true };
        }
        if (!stopped) deliver(text.end(), replies);
        const stopReason = stopped ? 'stop-string' : event.reason === 'length' ? 'length' : 'end';
        const value: GenerateResult = { text: whole, stopReason, tokens, promptTokens, ...event.usage };
        replies.push({ type: 'result', id, value });
        return { stop: false, ended: true };
      }
      return { stop: false, ended: false };
    },
    cancel() {
      cancelled = true;
    },
  };
  const prefixTokens = request.prefixKey === undefined ? 0 : (prompt.partEnds[(request.prefixParts ?? 0) - 1] ?? 0);
  if (request.maxTokens === 0 && (prefixTokens === 0 || prefixTokens >= promptTokens)) {
    throw new MillraceError('E_INPUT_INVALID', 'A request for no tokens names no prefix that ends inside its prompt.');
  }
  const work: Omit<GenerateCommand, 'stored' | 'keep'> = {
    type: 'generate',
    id,
    handle,
    tokens: prompt.tokens,
    maxTokens: request.maxTokens,
    sampling: request.sampling,
    grammar: request.grammar,
    prefixTokens,
    likelihood: request.likelihood === true,
    ignoreEnd: request.ignoreEnd === true,
    tellAfter: request.deliver === 'stream' ? 1 : tokensTogether,
    weigh: (request.weigh ?? []).map((wanted) => vocabulary.tokens(wanted)[0] ?? -1),
    class: options.message.class,
  };
  return { generation, work };
}
