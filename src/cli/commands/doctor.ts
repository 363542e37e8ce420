import { access, constants, mkdir } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { toMillraceError } from '../../errors.ts';
import { openEngine, openParser } from '../../index.ts';
import type { Models } from '../../spec/model.ts';
import { openToOthers } from '../open-to-others.ts';
import type { Session } from '../session.ts';
import { formatBytes, visible } from '../terminal.ts';

/** One line of the report. `failed` makes the command end with 1; `advice` is something that could be better. */
interface Check {
  readonly name: string;
  readonly state: 'ok' | 'advice' | 'failed';
  readonly message: string;
}

/** Share of the memory that a generator may take: the rest is for documents, indexes and other programs. */
const generatorShare = 0.5;

export function addDoctor(program: Command, session: Session): void {
  session.command(program, 'doctor', 'Check this machine, the models and the engine, and say what to do.', 'millrace doctor --json').action(
    session.run(async (terminal, { options }) => {
      const models = session.models();
      const { directory, embedder } = session.settings();
      const checks = [
        machineCheck(),
        await directoryCheck(resolve(terminal.workingDirectory, directory)),
        await folderCheck('models', models.home),
        await parserCheck(terminal.signal),
        await engineCheck(models, embedder),
        ...(await generatorChecks(models)),
      ];
      for (const check of checks) {
        terminal.out(options.json ? `${JSON.stringify(check)}\n` : `${check.state.padEnd(6)}  ${check.name}: ${visible(check.message)}\n`);
      }
      return checks.some(({ state }) => state === 'failed') ? 1 : 0;
    }),
  );
}

function machineCheck(): Check {
  const message = `${process.platform} ${process.arch}, Node.js ${process.versions.node}, ${availableParallelism()} cores, ${formatBytes(freemem())} of ${formatBytes(totalmem())} memory free`;
  return { name: 'machine', state: 'ok', message };
}

async function folderCheck(name: string, path: string): Promise<Check> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK);
    return { name, state: 'ok', message: path };
  } catch (error) {
    return { name, state: 'failed', message: `${path} cannot be written: ${toMillraceError(error).message}` };
  }
}

/** Also that nobody else can read the documents. */
async function directoryCheck(path: string): Promise<Check> {
  const check = await folderCheck('directory', path);
  const open = check.state === 'ok' ? await openToOthers(path) : undefined;
  return open === undefined ? check : { ...check, state: 'advice', message: open };
}

/** Parses a word in a parser process and tells what stands around it. */
async function parserCheck(signal: AbortSignal): Promise<Check> {
  const name = 'parsers';
  try {
    const parser = await openParser({ concurrency: 1 });
    try {
      const { kind, message } = await parser.isolation();
      await parser.parse({ bytes: new TextEncoder().encode('ready'), name: 'ready.txt' }, signal);
      if (kind === 'bubblewrap') return { name, state: 'ok', message };
      const remedy =
        process.platform === 'linux' ? ' Install bubblewrap from your distribution, or read only documents that you trust.' : '';
      return { name, state: 'advice', message: `${message}${remedy}` };
    } finally {
      await parser.close();
    }
  } catch (thrown) {
    const error = toMillraceError(thrown);
    return { name, state: 'failed', message: `${error.message} ${error.remedy}` };
  }
}

/** Loads the embedder and embeds a word: proves the native library, its child process and the weights. */
async function engineCheck(models: Models, embedder: string): Promise<Check> {
  const name = 'engine';
  const listing = (await models.list()).find(({ id }) => id === embedder);
  if (listing?.installed === false) {
    return {
      name,
      state: 'advice',
      message: `The embedder ${embedder} is not installed. Run "millrace models pull ${embedder}"; until then documents are found by words only.`,
    };
  }
  try {
    const engine = await openEngine({ embedder, home: models.home });
    try {
      const [vector] =
        (await engine.embedder?.embed(['ready'], 'query', { class: 'interactive', signal: new AbortController().signal })) ?? [];
      return { name, state: 'ok', message: `${embedder} loaded, vectors of ${vector?.length ?? 0} dimensions` };
    } finally {
      await engine.close();
    }
  } catch (thrown) {
    const error = toMillraceError(thrown);
    return { name, state: 'failed', message: `${error.message} ${error.remedy}` };
  }
}

async function generatorChecks(models: Models): Promise<Check[]> {
  const memoryBytes = totalmem() * generatorShare;
  const here = await models.recommend({ task: 'generator', memoryBytes, allowDownload: false });
  const best = await models.recommend({ task: 'generator', memoryBytes, allowDownload: true });
  const used: Check =
    here === undefined
      ? {
          name: 'generator',
          state: 'advice',
          message: 'None is installed that fits; "millrace ask --quotes" answers with verbatim quotes.',
        }
      : { name: 'generator', state: 'ok', message: `${here.id}: ${here.reason}` };
  if (best === undefined || best.id === here?.id) return [used];
  const size = formatBytes(best.downloadBytes);
  return [
    used,
    { name: 'better', state: 'advice', message: `${best.id} (${size}): ${best.reason} Run "millrace models pull ${best.id}".` },
  ];
}
