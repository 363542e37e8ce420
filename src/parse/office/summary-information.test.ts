import { describe, expect, it } from 'vitest';
import { openCompoundFile } from '../compound-file.ts';
import { readBlocks } from '../fixtures/read-blocks.ts';
import { writeCompoundFile, writeDoc, writePpt, writeWorkbook } from '../fixtures/write-office.ts';
import { summaryInformation } from './summary-information.ts';

const stream = '/\u0005SummaryInformation';
/** As another library writes it. */
const written = Buffer.from(openCompoundFile(writeWorkbook({ A: [['x']] }, 'biff8')).read(stream.slice(1)) ?? []);

/** A property set: number, type and value of each property. */
function propertySet(properties: readonly (readonly [number: number, type: number, value: Buffer])[]): Buffer {
  const head = Buffer.alloc(48);
  head.writeUInt32LE(48, 44);
  const list = Buffer.alloc(8 + 8 * properties.length);
  list.writeUInt32LE(properties.length, 4);
  const values: Buffer[] = [];
  let place = list.length;
  for (const [index, [number, type, value]] of properties.entries()) {
    const kind = Buffer.alloc(4);
    kind.writeUInt32LE(type);
    list.writeUInt32LE(number, 8 + 8 * index);
    list.writeUInt32LE(place, 12 + 8 * index);
    values.push(kind, value);
    place += 4 + value.length;
  }
  return Buffer.concat([head, list, ...values]);
}

function counted(bytes: Buffer, count = bytes.length): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(count);
  return Buffer.concat([length, bytes]);
}

function time(milliseconds: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(milliseconds === 0 ? 0n : BigInt(milliseconds + 11_644_473_600_000) * 10_000n);
  return value;
}

const codePage = (number: number): Buffer => Buffer.from(Uint16Array.of(number, 0).buffer);
const read = (set: Buffer) => summaryInformation(openCompoundFile(writeCompoundFile({ '/Data': Buffer.alloc(5_000), [stream]: set })));

describe('the summary information of old Office formats', () => {
  it('gives documents and presentations their title and author', async () => {
    const expected = { title: 'The title', author: 'P. Erson' };
    expect(await readBlocks(writeDoc('Some text.\r', { streams: { [stream]: written } }), 'a.doc')).toMatchObject(expected);
    const ppt = writePpt([{ title: 'Fares', text: 'One' }], { [stream]: written });
    expect(await readBlocks(ppt, 'a.ppt')).toMatchObject(expected);
  });

  it('is read in its code page, with its times', () => {
    const createdAt = Date.UTC(2031, 2, 14, 9, 30);
    const set = propertySet([
      [1, 2, codePage(1251)],
      [2, 0x1e, counted(Buffer.concat([Buffer.from([0xcf, 0xeb, 0xe0, 0xed]), Buffer.alloc(4)]))],
      [4, 0x1f, counted(Buffer.from('P. Ersön\0', 'utf16le'), 9)],
      [12, 0x40, time(createdAt)],
      [13, 0x40, time(0)],
    ]);
    expect(read(set)).toEqual({ title: 'План', author: 'P. Ersön', createdAt });
    expect(read(propertySet([[2, 0x1e, counted(Buffer.from('Ein Ma\u00df', 'latin1'))]]))).toEqual({ title: 'Ein Maß' });
    const utf8 = [1, 2, codePage(65_001)] as const;
    expect(read(propertySet([utf8, [4, 0x1e, counted(Buffer.from('Żółw'))]]))).toEqual({ author: 'Żółw' });
    expect(
      read(
        propertySet([
          [1, 2, codePage(1200)],
          [2, 0x1e, counted(Buffer.from('Ω', 'utf16le'))],
        ]),
      ),
    ).toEqual({ title: 'Ω' });
    expect(
      read(
        propertySet([
          [1, 2, codePage(9)],
          [2, 3, counted(Buffer.from('a number'))],
        ]),
      ),
    ).toEqual({});
  });

  it('is left out where it is damaged', () => {
    for (let length = 0; length < written.length; length += 1) expect(() => read(written.subarray(0, length))).not.toThrow();
    for (let at = 0; at < written.length; at += 1) {
      const damaged = Buffer.from(written);
      damaged[at] = 0xff;
      expect(() => read(damaged)).not.toThrow();
    }
  });
});
