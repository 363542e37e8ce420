import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** A zip archive with stored members. */
export function zipOf(members: Readonly<Record<string, Buffer>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(members)) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.byteLength, 14);
    common.writeUInt32LE(bytes.byteLength, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), common, Buffer.from(name), bytes]);
    const attributes = Buffer.alloc(14);
    attributes.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0000', 'latin1'), common, attributes, Buffer.from(name)]));
    locals.push(local);
    offset += local.byteLength;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(central.byteLength, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, central, Buffer.from('PK\u0005\u0006', 'latin1'), end]);
}

export interface FakePip {
  /** How to start it. */
  readonly command: { readonly command: string; readonly arguments: readonly string[] };
  /** Puts a wheel into its index. */
  add(requirement: string, wheel: Buffer): Promise<void>;
  /** From now on a call for this requirement never ends by itself. */
  hold(requirement: string): Promise<void>;
  release(requirement: string): Promise<void>;
  /** Arguments of all calls so far. */
  calls(): Promise<string[][]>;
}

const program = `
import { appendFileSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
const [index, ...rest] = process.argv.slice(2);
appendFileSync(join(index, 'calls.txt'), JSON.stringify(rest) + '\\n');
const requirement = rest.at(-1);
const target = rest[rest.indexOf('--dest') + 1];
const name = requirement.replace('==', '-');
const source = join(index, name + '.whl');
if (!existsSync(source)) {
  console.error('Looking in indexes: https://user:secret@index.invalid/simple');
  console.error('ERROR: No matching distribution found for ' + requirement + ' at https://user:secret@index.invalid/simple');
  process.exit(1);
}
if (existsSync(join(index, name + '.held'))) setInterval(() => undefined, 60_000);
else copyFileSync(source, join(target, name + '-py3-none-any.whl'));
`;

/** A program that answers `pip download` from a folder. */
export async function createFakePip(folder: string): Promise<FakePip> {
  const index = join(folder, 'index');
  await mkdir(index, { recursive: true });
  const heldFile = (requirement: string): string => join(index, `${requirement.replace('==', '-')}.held`);
  const script = join(folder, 'pip.mjs');
  await writeFile(script, program);
  return {
    command: { command: process.execPath, arguments: [script, index] },
    add: (requirement, wheel) => writeFile(join(index, `${requirement.replace('==', '-')}.whl`), wheel),
    hold: (requirement) => writeFile(heldFile(requirement), ''),
    release: (requirement) => rm(heldFile(requirement)),
    async calls() {
      const text = await readFile(join(index, 'calls.txt'), 'utf8').catch(() => '');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as string[]);
    },
  };
}
