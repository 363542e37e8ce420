import { MillraceError } from '../errors.ts';

/** The system had no room for one more process, or for its pipes: it may have later. */
const passing = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);

export function isPassing(error: Error): boolean {
  return passing.has((error as NodeJS.ErrnoException).code ?? '');
}

/** No parser process could be started, whatever it was to read. */
export function couldNotStart(error: Error): MillraceError {
  const message = `No parser process could be started: ${error.message}.`;
  if (!isPassing(error)) return new MillraceError('E_INTERNAL', message, { cause: error });
  return new MillraceError('E_OVERLOADED', message, {
    remedy: 'Repeat the command when the system has room for more processes and open files, or raise its limits (ulimit -n, ulimit -u).',
    cause: error,
  });
}
