import { z } from 'zod';
import { MillraceError } from './errors.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeIssue } from './spec/describe-issue.ts';
import { collectionName } from './spec/identifiers.ts';

/** One setting: where it can be given and what it means. `docs/reference/config.md` is kept equal to this table by a test. */
export interface ConfigSetting {
  readonly name: keyof Config;
  readonly type: string;
  readonly default: string;
  readonly environment: string;
  readonly flag: string;
  readonly description: string;
}

const number = z.coerce.number('it takes a number');
const units: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
/** Bytes, as a number or with a unit: 512MB, 8 GB. */
export const size = z.union([z.number(), z.string()]).transform((given, context): number => {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/iu.exec(String(given).trim()) ?? [];
  const factor = units[unit.toUpperCase()];
  if (amount !== '' && factor !== undefined) return Math.round(Number(amount) * factor);
  context.addIssue('it takes a number of bytes, or one with a unit such as 512MB or 8GB');
  return z.NEVER;
});
const flag = z
  .union([z.boolean(), z.enum(['true', 'false', 'on', 'off'], 'it takes true or false')])
  .transform((given) => given === true || given === 'true' || given === 'on');
const text = z.string('it takes text').min(1, 'it is empty');

export const configSchema = z.strictObject({
  directory: text.default('.millrace'),
  collection: collectionName.default('default'),
  model: text.optional(),
  embedder: text.default('minilm-l6'),
  home: text.optional(),
  threads: number.int().min(1).max(512).optional(),
  sequences: number.int().min(1).max(256).optional(),
  kvTokens: number.int().min(512).optional(),
  kvMode: z.enum(['split', 'unified']).optional(),
  prefixMemoryBytes: size.optional(),
  prefixDiskBytes: size.optional(),
  idleReading: flag.optional(),
  contextTokens: number.int().min(64).max(131_072).optional(),
  maxTokens: number.int().min(1).max(8_192).optional(),
  parsers: number.int().min(1).max(64).optional(),
});
export type Config = z.infer<typeof configSchema>;

export const configSettings: readonly ConfigSetting[] = [
  setting('directory', 'path', '.millrace', '--directory', 'Where the record and its indexes live.'),
  setting('collection', 'name', 'default', '--collection', 'The named set of sources that commands work on.'),
  setting(
    'model',
    'model name',
    'the best installed generator',
    '--model',
    'Generator: catalogue id, path of a GGUF file, or hf:owner/repository/file.gguf.',
  ),
  setting('embedder', 'model name', 'minilm-l6', '--embedder', 'Embedder of new collections; a collection keeps the one it was made with.'),
  setting('home', 'path', "the platform's cache folder", '', 'Where models are kept.'),
  setting('threads', 'integer', 'available cores', '--threads', 'Compute threads of the local engine.'),
  setting(
    'sequences',
    'integer',
    '9',
    '--sequences',
    'Answers generated at the same time; one place is kept for questions while a run fills the others.',
  ),
  setting('kvTokens', 'tokens', 'sequences × 2,048', '--kv-tokens', 'KV cells shared by all sequences.'),
  setting(
    'kvMode',
    'split or unified',
    'split',
    '--kv-mode',
    'Cells of its own for each answer, or all cells for all: unified is faster when many questions share a long prefix.',
  ),
  setting(
    'prefixMemoryBytes',
    'size',
    '512MB, at most a sixteenth of the memory',
    '--prefix-memory-bytes',
    'Memory for what was read before, beyond the KV cache; 0 keeps nothing there.',
  ),
  setting(
    'prefixDiskBytes',
    'size',
    '8GB',
    '--prefix-disk-bytes',
    'Disk for what was read before, in the directory; 0 keeps nothing there.',
  ),
  setting(
    'idleReading',
    'true or false',
    'true',
    '--no-idle-reading',
    'Reading the passages asked about most while nothing else is asked for, in a process that stays open.',
  ),
  setting(
    'contextTokens',
    'tokens',
    'what is read in 8 s',
    '--context-tokens',
    'Most tokens of passages in one prompt, 320 to 2,000 by default.',
  ),
  setting('maxTokens', 'tokens', '200', '--max-tokens', 'Most tokens of one answer.'),
  setting('parsers', 'integer', 'cores − 1, at most 4', '--parsers', 'Parser processes at the same time.'),
];

function setting(name: keyof Config, type: string, fallback: string, flag: string, description: string): ConfigSetting {
  const environment = name === 'home' ? 'MILLRACE_HOME' : `MILLRACE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  return { name, type, default: fallback, environment, flag, description };
}

export interface LoadConfigOptions {
  /** From the command line or the caller; `undefined` members count as not given. */
  readonly flags?: Readonly<Partial<Record<keyof Config, unknown>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
}

/**
 * Settings from, in rising order of claim: defaults, `millrace.json` in the working directory, environment, flags.
 * @throws MillraceError E_CONFIG_INVALID naming the setting and where it came from.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const path = join(options.workingDirectory, 'millrace.json');
  const file = await readProjectFile(path);
  const environment: Record<string, unknown> = {};
  for (const { name, environment: variable } of configSettings) {
    const value = options.environment[variable];
    if (value !== undefined && value !== '') environment[name] = value;
  }
  const layers: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    [path, file],
    ['the environment', environment],
    ['the options', options.flags ?? {}],
  ];
  const given: Record<string, unknown> = {};
  const origin: Record<string, string> = {};
  for (const [place, values] of layers) {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) continue;
      given[name] = value;
      origin[name] = place;
    }
  }
  const parsed = configSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const name = unknown ?? String(issue?.path[0] ?? '');
  const reason =
    unknown === undefined ? (issue === undefined ? 'unknown reason' : describeIssue(issue, given)) : 'there is no such setting';
  throw new MillraceError(
    'E_CONFIG_INVALID',
    `The setting "${name}" in ${origin[name] ?? 'the configuration'} is not valid: ${reason.replace(/\.$/, '')}.`,
    {
      details: { setting: name, origin: origin[name] ?? null },
    },
  );
}

async function readProjectFile(path: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new MillraceError('E_CONFIG_INVALID', `The configuration file ${path} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text.replace(/^\uFEFF/u, '')));
  } catch (error) {
    throw new MillraceError('E_CONFIG_INVALID', `The configuration file ${path} does not hold one JSON object.`, { cause: error });
  }
}
