import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { MillraceError } from '../errors.ts';
import { open, openModels } from '../index.ts';
import type { Mill } from '../spec/mill.ts';
import type { Models } from '../spec/model.ts';
import { reportError, type Terminal } from './terminal.ts';

/** What every command is given: its arguments, and the options it shares with the others. */
export interface Given {
  /** The first argument, or empty. */
  readonly argument: string;
  /** A list argument. */
  readonly paths: readonly string[];
  readonly options: {
    readonly collection: string;
    readonly json: boolean;
    readonly quiet: boolean;
    readonly verbose: boolean;
    readonly timeoutMs?: number;
    readonly limit?: string;
    readonly quotes?: boolean;
    readonly embed?: boolean;
    readonly reread?: boolean;
    readonly all?: boolean;
    readonly small?: boolean;
  };
}

export interface Session {
  /** A command with the shared options and an example in its help. */
  command(parent: Command, usage: string, description: string, example: string): Command;
  /** An action: settings are read, errors reported, everything that was opened is closed. Keeps the exit code. */
  run(action: (terminal: Terminal, given: Given) => Promise<number>): (...given: unknown[]) => Promise<void>;
  open(mode: 'write' | 'read', overrides?: Partial<Config>): Promise<Mill>;
  models(): Models;
  exitCode(): number;
}

export function createSession(terminal: Terminal): Session {
  let exitCode = 0;
  let config: Config | undefined;
  const opened: { close(): Promise<void> }[] = [];
  let models: (Models & { close(): Promise<void> }) | undefined;

  function settings(): Config {
    if (config === undefined) throw new MillraceError('E_INTERNAL', 'The settings were used before they were read.');
    return config;
  }

  return {
    command: (parent, usage, description, example) =>
      parent
        .command(usage)
        .description(description)
        .option('--directory <path>', 'where the record and its indexes live (default .millrace)')
        .option('-c, --collection <name>', 'the collection to work on (default "default")')
        .option('--model <name>', 'generator: catalogue id, path, or hf:owner/repository/file.gguf')
        .option('--embedder <name>', 'embedder: catalogue id, path, or hf:owner/repository/file.gguf')
        .option('--threads <count>', 'compute threads of the local engine')
        .option('--sequences <count>', 'answers generated at the same time')
        .option('--kv-tokens <count>', 'KV cells shared by all answers')
        .option('--context-tokens <count>', 'most tokens of passages in a prompt')
        .option('--max-tokens <count>', 'most tokens of an answer')
        .option('--parsers <count>', 'parser processes')
        .option('--timeout <seconds>', 'give up after this time')
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
              'contextTokens',
              'maxTokens',
              'parsers',
            ].map((name) => [name, options[name]]),
          );
          config = await loadConfig({ flags, environment: terminal.environment, workingDirectory: terminal.workingDirectory });
          const timeout = options['timeout'] === undefined ? undefined : Number(options['timeout']) * 1_000;
          if (timeout !== undefined && !(timeout > 0)) {
            throw new MillraceError('E_USAGE', `The option --timeout takes seconds above 0, not "${String(options['timeout'])}".`);
          }
          exitCode = await action(terminal, {
            argument: typeof values[0] === 'string' ? values[0] : '',
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
        } catch (error) {
          exitCode = reportError(terminal, error, json);
          if (terminal.signal.aborted) terminal.error('Stopped. What was committed is kept; repeat the command to go on.\n');
        } finally {
          for (const one of opened.splice(0)) await one.close();
          await models?.close();
        }
      },

    async open(mode, overrides = {}) {
      const { model, home, collection: _collection, ...rest } = { ...settings(), ...overrides };
      const mill = await open({
        ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
        mode,
        environment: terminal.environment,
        workingDirectory: terminal.workingDirectory,
        ...(model === undefined ? {} : { generator: model }),
        ...(home === undefined ? {} : { home }),
      });
      opened.push(mill);
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

    exitCode: () => exitCode,
  };
}
