import { MillraceError } from '../errors.ts';
import type { ChildEnd } from './parser-child.ts';

/** The system had no room for one more process, or for its pipes: it may have later. */
const passing = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);
/** The same as a shell, a sandbox or Node say it. */
const passingWords = /Resource temporarily unavailable|Cannot allocate memory|Too many open files|Cannot fork/i;

export function isPassing(error: Error): boolean {
  return passing.has((error as NodeJS.ErrnoException).code ?? '');
}

/** No parser process could be started, whatever it was to read. */
export function couldNotStart(error: Error): MillraceError {
  const message = `No parser process could be started: ${error.message}.`;
  return isPassing(error) ? noRoom(message, error) : new MillraceError('E_INTERNAL', message, { cause: error });
}

/** Parser processes end before they are ready, whatever they are to read. `limit`: what they were ended for. */
export function wasNeverReady(end: ChildEnd, formatModules: readonly string[], limit?: MillraceError): MillraceError {
  if (end.startError !== undefined) return couldNotStart(end.startError);
  const how = limit === undefined ? `It ended with ${howEnded(end)}` : whyEnded(limit);
  const modules = formatModules.length === 0 ? '' : ` It loads the formats of ${formatModules.join(', ')}.`;
  const message = `No parser process gets ready to read. ${how}.${modules}${lastWords(end)}`;
  if (passingWords.test(end.errorOutput)) return noRoom(message);
  const { code, signal, errorOutput } = end;
  return new MillraceError('E_PARSER_UNAVAILABLE', message, {
    ...(formatModules.length === 0 ? {} : { remedy: ofModules }),
    details: { code, signal, errorOutput, ...(formatModules.length === 0 ? {} : { formats: [...formatModules] }) },
  });
}

const ofModules =
  'See that each module of formats, and what it imports, lies in one folder of its package or in a "node_modules" above it, and loads without environment, network, child processes and writing: the parser process has nothing else. Nothing was recorded of the documents; repeat the command.';

function whyEnded({ details }: MillraceError): string {
  if (details?.['limit'] === 'memory') return 'It was ended because it needed more memory than it may have';
  return `It was ended after ${Number(details?.['deadlineMs']) / 1000} s`;
}

export function howEnded({ code, signal }: ChildEnd): string {
  return signal !== null ? `signal ${signal}` : `exit code ${code ?? 'none'}`;
}

/** A sentence with what a process said at its end, or nothing. */
export function lastWords({ errorOutput }: ChildEnd): string {
  const lines = errorOutput.split('\n').filter((line) => line.trim() !== '' && !/^Node\.js v\d/.test(line));
  // An exception ends Node with where it was thrown, itself, its stack and the version of Node.
  const line = lines.findLast((one) => /^(?:\w*Error|FATAL ERROR)\b/.test(one)) ?? lines.at(-1);
  return line === undefined ? '' : ` Its last words: ${line.trim().slice(0, 400)}`;
}

function noRoom(message: string, cause?: Error): MillraceError {
  return new MillraceError('E_OVERLOADED', message, {
    remedy: 'Repeat the command when the system has room for more processes and open files, or raise its limits (ulimit -n, ulimit -u).',
    ...(cause === undefined ? {} : { cause }),
  });
}
