import { MillraceError } from '../../../errors.ts';
import { createChatTemplate, type ChatTemplate } from '../../../formats/chat-template.ts';
import type { Prompt, TokenizedPrompt } from '../../../spec/engine.ts';
import type { LlamaLibrary } from './library.ts';

/** The text side of a model: a second handle that holds the vocabulary only, so that the thread that owns it never computes. */
export interface Vocabulary {
  /** Bytes of the KV cache for one token in f16. */
  readonly kvBytesPerToken: number;
  /** Longest context that the model was first trained for; 0 where the file does not say. */
  readonly originalContextTokens: number;
  /** True when the model was made to score pairs. */
  readonly ranks: boolean;
  /** Tokens of a text that is data: nothing in it becomes a control token. */
  tokens(text: string): Int32Array;
  /** The same with the special tokens of an input of its own around it. */
  inputTokens(text: string): Int32Array;
  /** A (query, passage) pair as a reranker reads it. */
  pairTokens(query: string, passage: string): Int32Array;
  /** @throws MillraceError E_TEMPLATE_INVALID */
  promptTokens(prompt: Prompt): TokenizedPrompt;
  /** Bytes of one token; control tokens have none. */
  piece(token: number): Uint8Array;
  close(): void;
}

/** Room for any token but the strangest, in bytes. */
const pieceBytes = 256;
/** One f16 key and one f16 value. */
const keyAndValueBytes = 4;

/** @throws MillraceError E_MODEL_INVALID when the file is not a model */
export function openVocabulary(library: LlamaLibrary, path: string): Vocabulary {
  const model = library.modelLoad(path, { ...library.modelDefaults(), vocab_only: true });
  if (model === null) throw new MillraceError('E_MODEL_INVALID', `${path} is not a GGUF model that can be loaded, or it is cut short.`);
  const vocab = library.modelVocab(model);
  if (library.vocabularyType(vocab) === 0) {
    library.modelFree(model);
    throw new MillraceError('E_MODEL_UNSUITABLE', `${path} holds no vocabulary.`);
  }
  const pieces: (Uint8Array | undefined)[] = [];
  let buffer = new Int32Array(1024);
  let template: ChatTemplate | undefined;

  function tokenise(text: string, addSpecial: boolean, parseSpecial: boolean): Int32Array {
    const bytes = Buffer.from(text, 'utf8');
    if (buffer.length < bytes.length + 8) buffer = new Int32Array(2 * bytes.length + 8);
    let count = library.tokenise(vocab, bytes, bytes.length, buffer, buffer.length, addSpecial, parseSpecial);
    if (count < 0 && count > -(2 ** 31)) {
      buffer = new Int32Array(-count);
      count = library.tokenise(vocab, bytes, bytes.length, buffer, buffer.length, addSpecial, parseSpecial);
    }
    if (count < 0) throw new MillraceError('E_INPUT_INVALID', `A text of ${bytes.length} bytes is too long to be tokenised.`);
    return buffer.slice(0, count);
  }

  function metadata(key: string): string | undefined {
    const bytes = new Uint8Array(256);
    const length = library.modelMetadata(model!, key, bytes, bytes.length);
    return length < 0 ? undefined : Buffer.from(bytes.subarray(0, Math.min(length, bytes.length - 1))).toString('utf8');
  }

  function readPiece(token: number, special: boolean): Uint8Array {
    let bytes = new Uint8Array(pieceBytes);
    let length = library.tokenPiece(vocab, token, bytes, bytes.length, 0, special);
    if (length < 0) {
      bytes = new Uint8Array(-length);
      length = library.tokenPiece(vocab, token, bytes, bytes.length, 0, special);
    }
    return bytes.slice(0, Math.max(0, length));
  }

  function chatTemplate(): ChatTemplate {
    if (template !== undefined) return template;
    const source = library.modelChatTemplate(model!, null);
    if (source === null)
      throw new MillraceError('E_TEMPLATE_INVALID', 'The model has no chat template; it was not made to answer questions.');
    const text = (token: number) => (token < 0 ? '' : Buffer.from(readPiece(token, true)).toString('utf8'));
    template = createChatTemplate(source, {
      beginToken: text(library.vocabularyBeginToken(vocab)),
      endToken: text(library.vocabularyEndToken(vocab)),
    });
    return template;
  }

  const architecture = metadata('general.architecture') ?? '';
  // A vocabulary-only handle knows no sizes, asking it for some aborts the process: they are read from the file's metadata.
  const size = (key: string): number => Number(metadata(`${architecture}.${key}`) ?? 0) || 0;
  const heads = Math.max(1, size('attention.head_count'));
  const headWidth = size('attention.key_length') || size('embedding_length') / heads;

  return {
    kvBytesPerToken: size('block_count') * (size('attention.head_count_kv') || heads) * headWidth * keyAndValueBytes,
    originalContextTokens: size('rope.scaling.original_context_length') || size('context_length'),
    ranks: metadata(`${architecture}.pooling_type`) === '4',
    tokens: (text) => tokenise(text, false, false),
    inputTokens: (text) => tokenise(text, true, false),
    pairTokens(query, passage) {
      const begin = library.vocabularyAddsBegin(vocab) ? [library.vocabularyBeginToken(vocab)] : [];
      const end = library.vocabularyAddsEnd(vocab) ? [library.vocabularyEndToken(vocab)] : [];
      const separator = library.vocabularyAddsSeparator(vocab) ? [library.vocabularySeparatorToken(vocab)] : [];
      return Int32Array.from([
        ...begin,
        ...tokenise(query, false, false),
        ...end,
        ...separator,
        ...tokenise(passage, false, false),
        ...end,
      ]);
    },
    promptTokens(prompt) {
      const pieces: Int32Array[] = [];
      const partEnds: number[] = [];
      let length = 0;
      const push = (tokens: Int32Array) => {
        pieces.push(tokens);
        length += tokens.length;
      };
      for (const segment of chatTemplate().render(prompt)) {
        push(tokenise(segment.text, false, segment.type === 'template'));
        if (segment.type === 'part') partEnds.push(length);
      }
      const begin = library.vocabularyBeginToken(vocab);
      const missesBegin = library.vocabularyAddsBegin(vocab) && begin >= 0 && pieces.find((tokens) => tokens.length > 0)?.[0] !== begin;
      const offset = missesBegin ? 1 : 0;
      const tokens = new Int32Array(length + offset);
      if (missesBegin) tokens[0] = begin;
      let at = offset;
      for (const piece of pieces) {
        tokens.set(piece, at);
        at += piece.length;
      }
      return { tokens, partEnds: partEnds.map((end) => end + offset) };
    },
    piece: (token) => (pieces[token] ??= readPiece(token, false)),
    close: () => library.modelFree(model),
  };
}
