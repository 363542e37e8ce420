import { MillraceError, toMillraceError } from '../errors.ts';
import { systemClock } from '../util/clock.ts';
import { reportError, type Stop, type Terminal } from './terminal.ts';

/** Exit codes of a command that a signal ended: 128 and the number of the signal. */
const signalExitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** After a signal the process ends by then, whatever it is in the middle of: the record needs no closing. */
const endWithinMs = 1_200;
/** The same signal again so soon is the same Ctrl-C: a program around this one passes on what the terminal has sent to both. */
const sameSignalMs = 150;
/** As that of a program that SIGPIPE ended. */
const readerLeftExitCode = 141;

/** The terminal of this process. */
export interface ProcessTerminal extends Terminal {
  /** The exit code for a command that ended with this one; what it had to say and could not is said now. Signals do what they did before. */
  end(exitCode: number): number;
}

/**
 * A first SIGINT, SIGTERM or SIGHUP aborts the terminal's signal, and the process ends within two seconds in any case; a second one ends it
 * at once. A reader of standard output that leaves (`| head`) stops the command without a word; output that cannot be written for another
 * reason stops it with an error.
 */
export function openProcessTerminal(): ProcessTerminal {
  const controller = new AbortController();
  const plain = plainTerminal(controller.signal);
  let stop: Stop | undefined;
  let over = false;
  let first: { readonly name: string; readonly at: number } | undefined;

  function stopOnce(why: Stop): void {
    stop ??= why;
    controller.abort(new DOMException('The command was stopped.', 'AbortError'));
  }
  const handlers = Object.entries(signalExitCodes).map(([name, exitCode]) => {
    const handler = (): void => {
      const now = systemClock.monotonic();
      if (first?.name === name && now - first.at < sameSignalMs) return;
      if (controller.signal.aborted) process.exit(exitCode);
      first = { name, at: now };
      stopOnce({ exitCode, error: undefined });
      systemClock.after(endWithinMs, () => process.exit(exitCode), { keepAlive: false });
    };
    process.on(name, handler);
    return { name, handler };
  });
  // These stay: what was written last may fail after the command has ended.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') stopOnce({ exitCode: readerLeftExitCode, error: null });
    else stopOnce({ exitCode: 1, error: outputError(error) });
    if (over && stop?.error instanceof MillraceError) process.exitCode = tell(stop.error);
  });
  // Whoever does not read progress and notices does not miss them.
  process.stderr.on('error', () => undefined);

  return {
    ...plain,
    stopped: () => stop,
    end(exitCode) {
      for (const { name, handler } of handlers) process.off(name, handler);
      over = true;
      return exitCode === 0 && stop?.error instanceof MillraceError ? tell(stop.error) : exitCode;
    },
  };
}

function tell(error: MillraceError): number {
  return reportError({ out: () => undefined, error: (text) => void process.stderr.write(text) }, error, false);
}

/** Standard output and error, and nothing that listens. */
export function plainTerminal(signal: AbortSignal): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY,
    columns: process.stderr.columns,
    environment: process.env,
    workingDirectory: workingDirectory(),
    signal,
  };
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    const remedy = 'Change to another folder and repeat the command.';
    throw new MillraceError('E_USAGE', 'The folder in which the command was started is gone.', { remedy, cause: error });
  }
}

function outputError(error: NodeJS.ErrnoException): MillraceError {
  const { code } = toMillraceError(error, 'E_INTERNAL');
  const remedy = 'Write the output to a place that takes it and repeat the command.';
  return new MillraceError(code, `The output could not be written (${error.code ?? error.message}).`, { remedy, cause: error });
}
