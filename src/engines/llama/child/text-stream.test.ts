import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTextStream } from './text-stream.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function run(pieces: readonly Uint8Array[], stops: readonly string[]): { deliveries: string[]; stopped: boolean } {
  const stream = createTextStream(stops);
  const deliveries: string[] = [];
  for (const piece of pieces) {
    const { text, stopped } = stream.push(piece);
    deliveries.push(text);
    if (stopped) return { deliveries, stopped };
  }
  return { deliveries: [...deliveries, stream.end()], stopped: false };
}

describe('text stream', () => {
  it('holds bytes of an unfinished character back', () => {
    const [first, second] = [bytes('é').subarray(0, 1), bytes('é').subarray(1)];
    expect(run([first, second, bytes('!')], []).deliveries).toEqual(['', 'é', '!', '']);
  });

  it('replaces bytes that are no UTF-8, also at the end', () => {
    expect(run([new Uint8Array([0xff]), bytes('a'), new Uint8Array([0xe2, 0x82])], []).deliveries.join('')).toBe('\ufffda\ufffd');
  });

  it('keeps a byte order mark', () => {
    expect(run([bytes('\ufeffa')], []).deliveries.join('')).toBe('\ufeffa');
  });

  it('ends before a stop string that is spread over tokens and delivers no part of it', () => {
    expect(run(['Hel', 'lo\n', '\nQ', 'uestion', ': x'].map(bytes), ['\n\nQuestion'])).toEqual({
      deliveries: ['Hel', 'lo', '', ''],
      stopped: true,
    });
  });

  it('delivers what was held back when no stop string came of it', () => {
    expect(run(['a<', '|e', 'nd'].map(bytes), ['<|end|>']).deliveries).toEqual(['a', '', '', '<|end']);
    expect(run(['a<', 'b'].map(bytes), ['<|end|>']).deliveries).toEqual(['a', '<b', '']);
  });

  it('takes the earliest of several stop strings, and ignores empty ones', () => {
    expect(run([bytes('one two three')], ['three', 'two', ''])).toEqual({ deliveries: ['one '], stopped: true });
  });

  it('equals cutting the whole text, however it is divided into tokens', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀', '\n'), maxLength: 40 }),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀', '\n'), minLength: 1, maxLength: 4 }), { maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 60 }),
        (text, stops, sizes) => {
          const all = bytes(text);
          const pieces: Uint8Array[] = [];
          for (let at = 0, next = 0; at < all.length; next++) {
            const size = sizes[next % sizes.length]!;
            pieces.push(all.subarray(at, at + size));
            at += size;
          }
          const cuts = stops.map((stop) => text.indexOf(stop)).filter((at) => at !== -1);
          const { deliveries, stopped } = run(pieces, stops);
          expect(stopped).toBe(cuts.length > 0);
          // A stop string that a later token completes can begin before one that ends first: the stream stops at the first that ends.
          const delivered = deliveries.join('');
          if (!stopped) expect(delivered).toBe(text);
          else expect(stops.some((stop) => text.startsWith(delivered + stop))).toBe(true);
          for (const stop of stops) expect(delivered.includes(stop)).toBe(false);
        },
      ),
    );
  });
});
