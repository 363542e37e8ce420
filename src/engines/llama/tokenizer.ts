import { toMillraceError } from '../../errors.ts';
import type { TokenizedPrompt, Tokenizer } from '../../spec/engine.ts';
import type { EngineLink } from './engine-process.ts';

/** Texts of one message to the child: it lets other work through between two. */
const textsPerMessage = 512;

export function createTokenizer(link: EngineLink): Tokenizer {
  return {
    async countTokens(texts, signal) {
      const counts = new Uint32Array(texts.length);
      for (let start = 0; start < texts.length; start += textsPerMessage) {
        const engine = await link.engine(signal);
        const part = texts.slice(start, start + textsPerMessage);
        counts.set((await engine.call({ type: 'count-tokens', handle: link.handle, texts: part }, signal)) as Uint32Array, start);
        if (signal?.aborted === true) throw toMillraceError(signal.reason, 'E_CANCELLED');
      }
      return counts;
    },
    async tokenizePrompt(prompt, signal) {
      const engine = await link.engine(signal);
      return (await engine.call({ type: 'tokenize-prompt', handle: link.handle, prompt }, signal)) as TokenizedPrompt;
    },
  };
}
