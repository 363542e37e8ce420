import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a child says. `document`, `accepted` and `vectors` are acknowledgements; `removed` takes one back before it is carried out. */
export type Told =
  | { readonly type: 'opened'; readonly ms: number }
  | { readonly type: 'document'; readonly key: string; readonly document: string }
  | { readonly type: 'accepted'; readonly key: string }
  | { readonly type: 'vectors'; readonly count: number }
  | { readonly type: 'removed'; readonly key: string }
  | { readonly type: 'problem'; readonly problem: string }
  | { readonly type: 'closed' };

export interface ChildTask {
  readonly directory: string;
  readonly documents: string;
  /** File of what is to be checked. */
  readonly acknowledged: string;
  readonly uploads: readonly string[];
  readonly purge?: string;
  readonly backup?: string;
}

/** How one life ends: at a named step, or after so many lines. */
export type Death = { readonly fault: string } | { readonly afterLines: number };

export interface CrashFigures {
  readonly lives: number;
  readonly kills: number;
  readonly acknowledged: number;
  /** Sentences of the children that came after. */
  readonly problems: readonly string[];
  /** Longest time from the start of opening to the first answer of the record, ms. */
  readonly longestOpenMs: number;
  /** Deaths that did not come: the step was not reached. */
  readonly survived: readonly string[];
}

export interface CrashRounds {
  /** One life; what it acknowledged is checked by the next. */
  live(death: Death | undefined): Promise<void>;
  figures(): CrashFigures;
}

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const startDocuments = 12;
/** Acknowledgements that one life checks; all of them are checked at the end. */
const checked = 60;

/**
 * Lives of a process on one directory. Before each, some documents are edited, added and removed, so that every life has all kinds of work.
 * `root` must be empty. With `fresh` every life begins with an empty directory.
 */
export function createCrashRounds(root: string, random: () => number, environment: NodeJS.ProcessEnv = process.env): CrashRounds {
  const directory = join(root, 'directory');
  const documents = join(root, 'documents');
  const acknowledgedFile = join(root, 'acknowledged.jsonl');
  mkdirSync(documents, { recursive: true });
  const acknowledged = new Map<string, Told>();
  const problems: string[] = [];
  const survived: string[] = [];
  let lives = 0;
  let kills = 0;
  let longestOpenMs = 0;
  let told = 0;

  function write(name: string, text: string): void {
    writeFileSync(join(documents, name), text);
  }

  function text(number: number): string {
    return `Document ${number} of life ${lives} tells about the mill by the river. ${`Its wheel has ${number} boards. `.repeat(4)}`;
  }

  function change(): void {
    if (lives === 0) for (let number = 0; number < startDocuments; number += 1) write(`${number}.txt`, text(number));
    write(`${Math.floor(random() * startDocuments)}.txt`, text(1_000 + lives));
    write(`new-${lives}.txt`, text(2_000 + lives));
    const onRecord = readdirSync(documents).filter((name) => name.startsWith('new-') && acknowledged.has(join(documents, name)));
    // Taken back before it is gone: what vanished is not lost.
    if (onRecord[0] !== undefined) {
      acknowledged.delete(join(documents, onRecord[0]));
      rmSync(join(documents, onRecord[0]));
    }
  }

  async function live(death: Death | undefined): Promise<void> {
    change();
    const all = [...acknowledged.values()];
    const some = death === undefined || all.length <= checked ? all : all.filter(() => random() < checked / all.length);
    writeFileSync(acknowledgedFile, some.map((one) => `${JSON.stringify(one)}\n`).join(''));
    const uploads = [`upload-${lives}`, `upload-${lives % 7}-again`];
    const oldest = [...acknowledged.keys()].find((key) => key.startsWith('upload-') && !key.endsWith('again') && !uploads.includes(key));
    const task: ChildTask = {
      directory,
      documents,
      acknowledged: acknowledgedFile,
      uploads,
      backup: join(root, 'backup'),
      ...(oldest === undefined ? {} : { purge: oldest }),
    };
    rmSync(join(root, 'backup'), { recursive: true, force: true });
    const fault = death !== undefined && 'fault' in death ? { MILLRACE_FAULT: death.fault } : {};
    const running = spawn(process.execPath, [child, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // Ctrl-C is the benchmark's: it lets the life come to its end.
      detached: process.platform !== 'win32',
      env: { ...environment, ...fault },
    });
    const ended = new Promise<NodeJS.Signals | null>((resolve) => running.once('close', (_code, signal) => resolve(signal)));
    let left = death !== undefined && 'afterLines' in death ? death.afterLines : Number.POSITIVE_INFINITY;
    let closed = false;
    for await (const line of createInterface({ input: running.stdout })) {
      const one = JSON.parse(line) as Told;
      note(one);
      closed ||= one.type === 'closed';
      left -= 1;
      if (left === 0) running.kill('SIGKILL');
    }
    lives += 1;
    if ((await ended) === 'SIGKILL') kills += 1;
    else if (!closed) problems.push(`A life ended by itself before its work was done (${JSON.stringify(death ?? 'no death')}).`);
    else if (death !== undefined) survived.push('fault' in death ? death.fault : `${death.afterLines} lines`);
  }

  function note(one: Told): void {
    if (one.type === 'opened') longestOpenMs = Math.max(longestOpenMs, one.ms);
    if (one.type === 'problem') problems.push(one.problem);
    if (one.type === 'document' || one.type === 'accepted' || one.type === 'vectors') told += 1;
    if (one.type === 'removed') acknowledged.delete(one.key);
    // Handed over again under the same id, a document may replace the one before.
    if (one.type === 'document' || (one.type === 'accepted' && acknowledged.get(one.key)?.type !== 'document'))
      acknowledged.set(one.key, one);
  }

  return { live, figures: () => ({ lives, kills, acknowledged: told, problems, longestOpenMs, survived }) };
}
