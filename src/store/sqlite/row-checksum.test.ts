import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { checkedColumns, checkedRow, checksumOf, insertChecked, registerRowChecksum, type SqlValue } from './row-checksum.ts';

/** The checksum that is computed when a row is written must be the one that SQL computes of it later. */
it.each<[string, readonly SqlValue[]]>([
  ['numbers and texts', ['main', 'd', 1, null, 0.5, '', 'ä"#\0€', 1_700_000_000_000]],
  ['bytes between texts', ['main', 'd', 7, 'x', null, -1, 3, Uint8Array.of(0, 1, 255)]],
  ['nothing but nulls', [null, null, null, null, null, null, null, null]],
])('of %s is the same in JavaScript and SQL', (_name, values) => {
  const db = new Database(':memory:');
  registerRowChecksum(db);
  db.exec(`CREATE TABLE pages (${checkedColumns.pages.join(', ')}, checksum INTEGER)`);
  db.prepare(insertChecked('pages')).run(checkedRow('pages', values));
  const row = db.prepare(`SELECT checksum, ${checksumOf('pages')} AS computed FROM pages`).get() as { checksum: number; computed: number };
  expect(row.checksum).toBe(row.computed);
  db.prepare('UPDATE pages SET number = 2').run();
  const changed = db.prepare(`SELECT ${checksumOf('pages')} AS computed FROM pages`).get() as { computed: number };
  expect(changed.computed).not.toBe(row.checksum);
  db.close();
});

it('of long texts is that of all values one behind the other', () => {
  const long = `x${'🦀é'.repeat(1024 * 1024)}`;
  expect(checkedRow('settings', [long, 'short']).at(-1)).toBe(crc32(`"${long}"short`));
  expect(checkedRow('settings', ['short', long]).at(-1)).toBe(crc32(`"short"${long}`));
});
