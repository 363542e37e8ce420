import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openProcessTerminal, type ProcessTerminal } from './process-terminal.ts';

/** The most that a person or a supervisor of services waits for the end of a command, ms. */
const limitMs = 2_000;
const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

describe('openProcessTerminal', () => {
  let terminal: ProcessTerminal;
  let exit: ReturnType<typeof vi.spyOn>;
  beforeEach(() => {
    vi.useFakeTimers();
    exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
    terminal = openProcessTerminal();
  });
  afterEach(() => {
    terminal.end(0);
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  const arrive = (signal: NodeJS.Signals): void => void process.emit(signal, signal);

  it.each(signals)('%s stops the command, and ends the process within two seconds whatever it is in the middle of', (signal, exitCode) => {
    arrive(signal);
    expect(terminal.signal.aborted).toBe(true);
    expect(terminal.stopped?.()).toEqual({ exitCode, error: undefined });
    expect(exit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(limitMs);
    expect(exit).toHaveBeenCalledExactlyOnceWith(exitCode);
  });

  it.each(signals)('a second signal, %s, ends the process at once', (signal, exitCode) => {
    arrive(signal === 'SIGTERM' ? 'SIGINT' : 'SIGTERM');
    arrive(signal);
    expect(exit).toHaveBeenCalledExactlyOnceWith(exitCode);
  });

  it('the same signal twice at once is one', () => {
    arrive('SIGINT');
    arrive('SIGINT');
    expect(exit).not.toHaveBeenCalled();
  });
});
