/** What a token added to the text: `text` may be delivered now, `stopped` when a stop string is complete. */
export interface TextAdvance {
  readonly text: string;
  readonly stopped: boolean;
}

/** Bytes of tokens in, deliverable text out. */
export interface TextStream {
  push(bytes: Uint8Array): TextAdvance;
  /** What was held back, once no more tokens come. */
  end(): string;
}

/**
 * Delivers whole UTF-8 only and never a part of a stop string: text that could begin one is held back until the next token decides.
 * Bytes that are no UTF-8 become U+FFFD. After `stopped` the stream is at its end.
 *
 * @param stops at the earliest occurrence of one of these the text ends, without it
 */
export function createTextStream(stops: readonly string[]): TextStream {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const present = stops.filter((stop) => stop.length > 0);
  let held = '';

  /** Length of the longest end of `text` that a stop string begins with. */
  function heldLength(text: string): number {
    let longest = 0;
    for (const stop of present) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }

  function advance(added: string): TextAdvance {
    const text = held + added;
    let first = -1;
    for (const stop of present) {
      const at = text.indexOf(stop);
      if (at !== -1 && (first === -1 || at < first)) first = at;
    }
    if (first !== -1) {
      held = '';
      return { text: text.slice(0, first), stopped: true };
    }
    const keep = heldLength(text);
    held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), stopped: false };
  }

  return {
    push: (bytes) => advance(decoder.decode(bytes, { stream: true })),
    end() {
      const { text, stopped } = advance(decoder.decode());
      const rest = stopped ? '' : held;
      held = '';
      return text + rest;
    },
  };
}
