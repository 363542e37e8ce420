import { fileURLToPath } from 'node:url';
import type { MillraceError } from '../errors.ts';
import { toMillraceError } from '../errors.ts';

/** Where a command reads and writes; tests give their own. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** True where progress may overwrite its own line. */
  readonly interactive: boolean;
  /** Standard input. Default: that of the process. */
  readonly input?: AsyncIterable<Uint8Array | string>;
  /** Width of that line. Default, also for the 0 of a terminal that does not know: 80. */
  readonly columns?: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Why the signal was aborted; undefined while it was not, and where only Ctrl-C does it. */
  readonly stopped?: () => Stop | undefined;
}

/** Why a command was stopped. */
export interface Stop {
  readonly exitCode: number;
  /** What is reported in place of the cancellation; null where nobody is left to read it. */
  readonly error: MillraceError | null | undefined;
}

/** Control characters of documents and models made visible; line ends and tabs stay. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters that must not reach a terminal
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** The same on one line, for names and for what is told beside others: a line of its own could look like one of ours. */
export function visibleOnLine(text: string): string {
  return visible(text).replaceAll('\n', '\u240a').replaceAll('\t', '\u2409');
}

/** What a command that was stopped says of what it did, where it knows no more. */
const keptByDefault = 'What was committed is kept; repeat the command to go on.';

/**
 * Reports what ended a command and gives its exit code. A command that was stopped says in one line what is kept and how to go on, with
 * the code of what stopped it.
 */
export function reportEnd(terminal: Terminal, thrown: unknown, json: boolean, kept = keptByDefault): number {
  const stop = terminal.signal.aborted ? (terminal.stopped?.() ?? { exitCode: 130, error: undefined }) : undefined;
  if (stop === undefined || toMillraceError(thrown).code !== 'E_CANCELLED') return reportError(terminal, thrown, json);
  if (stop.error === null) return stop.exitCode;
  if (json || stop.error !== undefined) reportError(terminal, stop.error ?? thrown, json);
  terminal.error(`Stopped. ${kept}\n`);
  return stop.exitCode;
}

/** Prints an error where the reader looks for it and gives the exit code. */
export function reportError(terminal: Pick<Terminal, 'out' | 'error'>, thrown: unknown, json: boolean): number {
  const error: MillraceError = toMillraceError(thrown);
  if (json) terminal.out(`${JSON.stringify({ error: error.toJSON() })}\n`);
  else terminal.error(`error[${error.code}]: ${visible(error.message)}\n${error.remedy}\n`);
  return error.entry.exitCode;
}

export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${bytes} B`;
}

/** The first `most` code points. */
export function shorten(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length > most ? characters.slice(0, most).join('') : text;
}

/** "3.4 s", "2 min 5 s", "1 h 12 min". */
export function formatDuration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1_000).toFixed(ms < 9_950 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The name of a source for people, on one line: the path of a file, or the id as it was given. */
export function sourceName(uri: string): string {
  if (!uri.startsWith('file://') || !URL.canParse(uri)) return visibleOnLine(uri);
  try {
    return visibleOnLine(fileURLToPath(uri));
  } catch {
    // An id of the caller's own that only looks like the address of a file.
    return visibleOnLine(uri);
  }
}
