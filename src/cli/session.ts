import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, type CommandOptions, Option } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { MillraceError } from '../errors.ts';
import { open, openModels } from '../index.ts';
import type { MetadataFilter } from '../spec/identifiers.ts';
import type { Mill } from '../spec/mill.ts';
import type { Models } from '../spec/model.ts';
import { systemClock } from '../util/clock.ts';
import { numberOption } from './number-option.ts';
import { reportEnd, type Terminal } from './terminal.ts';

/** What every command is given: its arguments, and the options it shares with the others. */
export interface Given {
  /** The first argument, or empty. */
  readonly argument: string;
  readonly hasArgument: boolean;
  /** A list argument. */
  readonly paths: readonly string[];
  readonly options: {
    readonly collection: string;
    readonly json: boolean;
    readonly quiet: boolean;
    readonly verbose: boolean;
    readonly timeoutMs?: number;
    readonly firstTokenTimeout?: number;
    readonly tokenTimeout?: number;
    /** As it was typed; the settings hold the one that counts. */
    readonly directory?: string;
    readonly limit?: number;
    readonly mode?: 'hybrid' | 'text' | 'vector';
    readonly filter?: MetadataFilter;
    readonly perDocument?: number;
    readonly temperature?: number;
    readonly seed?: number;
    readonly quotes?: boolean;
    readonly showSources?: boolean;
    readonly contextMode?: 'each' | 'joined';
    readonly embed?: boolean;
    readonly reread?: boolean;
    readonly all?: boolean;
    readonly small?: boolean;
    readonly file?: string;
    readonly out?: string;
    readonly force?: boolean;
    readonly cache?: boolean;
    readonly pipeline?: string;
    readonly questions?: string;
    readonly concurrency?: number;
    readonly ordered?: boolean;
    readonly questionTimeout?: number;
    readonly maxTime?: number;
    readonly failed?: boolean;
    readonly stale?: boolean;
    readonly empty?: boolean;
    readonly estimate?: boolean;
    readonly documents?: readonly string[];
    readonly details?: boolean;
    readonly ingest?: boolean;
    readonly documentTokens?: number;
    readonly watch?: boolean;
    readonly interval?: number;
  };
}

export interface Session {
  /** A command with the shared options and an example in its help. */
  command(parent: Command, usage: string, description: string, example: string, options?: CommandOptions): Command;
  /** An action: settings are read, errors reported, everything that was opened is closed. Keeps the exit code. */
  run(action: (terminal: Terminal, given: Given) => Promise<number>): (...given: unknown[]) => Promise<void>;
  /** `change` writes, and fails where there is no record, as `read` does; `look` reads, and takes a missing one for an empty one. */
  open(mode: 'write' | 'change' | 'read' | 'look', overrides?: Partial<Config>): Promise<Mill>;
  /** Whether the directory of the settings holds a record. */
  hasRecord(): boolean;
  models(): Models;
  /** The settings of the command that runs. */
  settings(): Config;
  /** The command has told why it failed as an event of its JSON: nothing follows it. */
  failureTold(): void;
  /** What the command says when it is stopped: what is kept of it by then, and how to go on. */
  keeps(describe: () => string): void;
  exitCode(): number;
}

/** Commands that put a question at a time to the engine, and go on after one that took too long. */
const timeoutIsPerQuestion: ReadonlySet<string> = new Set(['eval', 'check']);

/** The signal of a command that has only so much time. */
function endAfter(timeoutMs: number, signal: AbortSignal): { readonly signal: AbortSignal; cancel(): void } {
  const outOfTime = new AbortController();
  const expire = (): void =>
    outOfTime.abort(new MillraceError('E_DEADLINE_EXCEEDED', `The command did not end within ${timeoutMs / 1_000} s.`));
  const cancel = systemClock.after(Math.min(timeoutMs, 2_147_483_647), expire, { keepAlive: false });
  return { signal: AbortSignal.any([signal, outOfTime.signal]), cancel };
}

/** A command that is stopped ends by itself within this time; what it has not ended by then is left to the closing of everything. */
const endWithinMs = 700;

/** As the work ends, or as cancelled where a stop finds it in something that cannot be ended, such as the opening of a directory. */
async function endOf<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const late = Promise.withResolvers<never>();
  let cancel: (() => void) | undefined;
  const onAbort = (): void => {
    const expire = (): void => late.reject(new MillraceError('E_CANCELLED', 'The command was stopped.', { cause: signal.reason }));
    cancel = systemClock.after(endWithinMs, expire);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    cancel?.();
  }
}

export function createSession(terminal: Terminal): Session {
  let exitCode = 0;
  let told = false;
  let isOver = false;
  let describeKept: (() => string) | undefined;
  let config: Config | undefined;
  const opened: { close(): Promise<void> }[] = [];
  let models: (Models & { close(): Promise<void> }) | undefined;

  function settings(): Config {
    if (config === undefined) throw new MillraceError('E_INTERNAL', 'The settings were used before they were read.');
    return config;
  }

  function recordFolder(): string {
    return resolve(terminal.workingDirectory, settings().directory);
  }

  function hasRecord(): boolean {
    return existsSync(join(recordFolder(), 'record.sqlite'));
  }

  return {
    command: (parent, usage, description, example, options = {}) =>
      parent
        .command(usage, options)
        .description(description)
        .option('--directory <path>', 'where the record and its indexes live (default .millrace)')
        .option('-c, --collection <name>', 'the collection to work on (default "default")')
        .option('--model <name>', 'generator: catalogue id, path, or hf:owner/repository/file.gguf')
        .option('--embedder <name>', 'embedder: catalogue id, path, or hf:owner/repository/file.gguf')
        .option('--threads <count>', 'compute threads of the local engine', numberOption({ least: 1, most: 512 }))
        .option('--sequences <count>', 'answers generated at the same time', numberOption({ least: 1, most: 256 }))
        .option('--kv-tokens <count>', 'KV cells shared by all answers', numberOption({ least: 512, most: 2 ** 31 - 1 }))
        .addOption(new Option('--kv-mode <mode>', 'cells for each answer, or shared by all').choices(['split', 'unified']))
        .option('--prefix-memory-bytes <size>', 'memory for what was read before, such as 512MB')
        .option('--prefix-disk-bytes <size>', 'disk for what was read before, such as 8GB')
        .option('--no-idle-reading', 'read nothing ahead while nothing else is asked for')
        .option('--context-tokens <count>', 'most tokens of passages in a prompt', numberOption({ least: 64, most: 131_072 }))
        .option('--max-tokens <count>', 'most tokens of an answer', numberOption({ least: 1, most: 8_192 }))
        .option('--parsers <count>', 'parser processes', numberOption({ least: 1, most: 64 }))
        .option('--timeout <seconds>', 'give up after this time', numberOption({ least: 0.001, most: 1e6, whole: false }))
        .option('--json', 'print JSON')
        .option('--quiet', 'print results and errors only')
        .option('--verbose', 'print stage timings')
        .addHelpText('after', `\nExample:\n  ${example}\n`),

    run:
      (action) =>
      async (...received) => {
        const values = received.slice(0, -2);
        const options = received.at(-2) as Record<string, unknown>;
        const json = options['json'] === true;
        let endTimer: (() => void) | undefined;
        try {
          const flags = Object.fromEntries(
            [
              'directory',
              'collection',
              'model',
              'embedder',
              'threads',
              'sequences',
              'kvTokens',
              'kvMode',
              'contextTokens',
              'maxTokens',
              'parsers',
              'prefixMemoryBytes',
              'prefixDiskBytes',
              'idleReading',
              // An option that only switches off says nothing where it was not given.
            ].map((name) => [name, name === 'idleReading' && options[name] === true ? undefined : options[name]]),
          );
          config = await loadConfig({ flags, environment: terminal.environment, workingDirectory: terminal.workingDirectory });
          const timeout = typeof options['timeout'] === 'number' ? options['timeout'] * 1_000 : undefined;
          const command = received.at(-1) as { name(): string };
          const ending = timeout === undefined || timeoutIsPerQuestion.has(command.name()) ? undefined : endAfter(timeout, terminal.signal);
          endTimer = ending?.cancel;
          const doing = action(ending === undefined ? terminal : { ...terminal, signal: ending.signal }, {
            argument: typeof values[0] === 'string' ? values[0] : '',
            hasArgument: values[0] !== undefined,
            paths: Array.isArray(values[0]) ? (values[0] as string[]) : [],
            options: {
              ...options,
              collection: config.collection,
              json,
              quiet: options['quiet'] === true,
              verbose: options['verbose'] === true,
              ...(timeout === undefined ? {} : { timeoutMs: timeout }),
            },
          });
          exitCode = await endOf(doing, terminal.signal);
        } catch (error) {
          exitCode = reportEnd(told ? { ...terminal, out: () => undefined } : terminal, error, json, describeKept?.());
        } finally {
          isOver = true;
          endTimer?.();
          for (const one of opened.splice(0)) await one.close();
          await models?.close();
        }
      },

    async open(mode, overrides = {}) {
      terminal.signal.throwIfAborted();
      if (mode === 'change' && !hasRecord())
        throw new MillraceError('E_STORE_MISSING', `The directory ${recordFolder()} holds no record yet.`);
      const { model, home, collection: _collection, ...rest } = { ...settings(), ...overrides };
      const mill = await open({
        ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
        ...(mode === 'look' ? { mode: 'read', emptyWhereMissing: true } : { mode: mode === 'read' ? 'read' : 'write' }),
        environment: terminal.environment,
        workingDirectory: terminal.workingDirectory,
        ...(model === undefined ? {} : { generator: model }),
        ...(home === undefined ? {} : { home }),
      });
      opened.push(mill);
      // Nobody else closes what was opened after the end.
      if (isOver) await mill.close();
      terminal.signal.throwIfAborted();
      return mill;
    },

    models() {
      const { home } = settings();
      models ??= openModels({
        environment: terminal.environment,
        workingDirectory: terminal.workingDirectory,
        ...(home === undefined ? {} : { home }),
      });
      return models;
    },

    settings,

    hasRecord,

    failureTold: () => void (told = true),

    keeps: (describe) => void (describeKept = describe),

    exitCode: () => exitCode,
  };
}
