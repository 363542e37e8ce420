import type { MillraceError } from '../errors.ts';
import { toMillraceError } from '../errors.ts';

/** Where a command reads and writes; tests give their own. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** True where progress may overwrite its own line. */
  readonly interactive: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Control characters of documents and models made visible; line ends and tabs stay. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters that must not reach a terminal
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Prints an error where the reader looks for it and gives the exit code. */
export function reportError(terminal: Terminal, thrown: unknown, json: boolean): number {
  const error: MillraceError = toMillraceError(thrown);
  if (json) terminal.out(`${JSON.stringify({ error: error.toJSON() })}\n`);
  else terminal.error(`error[${error.code}]: ${visible(error.message)}\n${error.remedy}\n`);
  return error.entry.exitCode;
}

export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e3).toFixed(1)} kB`;
}

/** The name of a source for people: the path of a file, or the id as it was given. */
export function sourceName(uri: string): string {
  return visible(uri.startsWith('file://') ? decodeURIComponent(new URL(uri).pathname) : uri);
}
