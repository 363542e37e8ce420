import { createLlamaDevice } from '../../src/engines/llama/device.ts';
import type {
  CallOptions,
  Embedder,
  GeneratePart,
  GenerateRequest,
  Generator,
  LoadGeneratorOptions,
  LocalDevice,
} from '../../src/spec/engine.ts';
import { systemClock } from '../../src/util/clock.ts';
import { testModel } from './models.ts';

export type FinalPart = Extract<GeneratePart, { type: 'final' }>;

/** One thread: test files run side by side, and ggml's threads spin. */
export function createTestDevice(): LocalDevice {
  return createLlamaDevice({ clock: systemClock, threads: 1 });
}

export async function loadTestGenerator(device: LocalDevice, options: Partial<LoadGeneratorOptions> = {}): Promise<Generator> {
  const { id, title, path, sha256 } = await testModel('smollm2-135m');
  return device.loadGenerator({ id, title, path, sha256, sequences: 4, kvTokens: 4096, ...options });
}

export async function loadTestEmbedder(device: LocalDevice): Promise<Embedder> {
  const { id, title, path, sha256, embedder } = await testModel('minilm-l6');
  const { pooling, queryPrefix, passagePrefix, maxInputTokens, languages } = embedder!;
  return device.loadEmbedder({ id, title, path, sha256, pooling, queryPrefix, passagePrefix, maxInputTokens, languages });
}

export function callOptions(options: Partial<CallOptions> = {}): CallOptions {
  return { class: 'batch', signal: new AbortController().signal, ...options };
}

export function ask(question: string | readonly string[], options: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    prompt: { messages: [{ role: 'user', parts: typeof question === 'string' ? [question] : [...question] }] },
    maxTokens: 16,
    sampling: { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 },
    stop: [],
    deliver: 'final',
    ...options,
  };
}

export async function finalOf(parts: AsyncIterable<GeneratePart>): Promise<FinalPart> {
  for await (const part of parts) if (part.type === 'final') return part;
  throw new Error('The generation ended without a final part.');
}

/** A text of about `words` words that differs by `seed`. */
export function filler(seed: number, words: number): string {
  const vocabulary = ['stone', 'river', 'water', 'house', 'green', 'light', 'morning', 'paper', 'window', 'letter', 'number', 'garden'];
  return Array.from({ length: words }, (_, index) => vocabulary[(seed * 7 + index * (seed + 3)) % vocabulary.length]).join(' ');
}
