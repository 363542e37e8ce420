import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitLines } from '../../testing/store-conformance.ts';
import type { StoreOperation } from '../../spec/store.ts';
import { openInMemory } from './connection.ts';
import type { Connection } from './connection.ts';
import { createGroupCommit } from './group-commit.ts';
import { purgeSource } from './purge.ts';
import { createTextSearch, type TextSearch } from './text-search.ts';
import { refreshTextIndex } from './text-index.ts';
import { rebuildTextIndex } from './verify.ts';
import { createLanguageDetector } from '../../language/detect-language.ts';

let connection: Connection;
let search: TextSearch;
beforeEach(() => {
  connection = openInMemory();
  search = createTextSearch(connection, createLanguageDetector());
});
afterEach(() => connection.close());

interface Changes {
  readonly collection?: string;
  readonly key?: string;
  readonly title?: string;
  readonly own?: string;
  readonly chunkerHash?: string;
}

function commit(text: string, changes: Changes = {}): void {
  const { collection = 'main', key = 'mills', own, chunkerHash, ...named } = changes;
  const operation = commitLines(key, text, {}, chunkerHash) as Extract<StoreOperation, { type: 'commitDocument' }>;
  const ids = { source: `source-${collection}-${key}`, document: `document-${collection}-${key}-${chunkerHash ?? ''}` };
  const document = own === undefined ? operation.document : { ...operation.document, title: own };
  const operations = [{ operation: { ...operation, document, collection, source: { ...operation.source, ...named } }, ids }];
  const [answer] = createGroupCommit(connection).commit([{ number: 1, call: { type: 'commit', operations } }]);
  if (answer !== undefined && 'error' in answer) throw new Error(answer.error.message);
}

/** A collection so large that common words are left out: every chunk holds "mill", one holds "rye". */
function commitMany(): void {
  commit(Array.from({ length: 1_000 }, (_, line) => `the mill at line ${line}${line === 500 ? ' grinds rye' : ''}`).join('\n'));
}

const find = (query: string): number => search(query, { collection: 'main' }, 5).length;

describe('searchText in a large collection', () => {
  it('ranks by the telling words', () => {
    commitMany();
    expect(find('the mill that grinds rye')).toBe(1);
  });

  it('takes the common words where the others stand nowhere', () => {
    commitMany();
    expect(find('a story about the mill')).toBe(5);
    expect(find('unheard')).toBe(0);
  });
});

describe('searchText of one of several collections', () => {
  it('takes a word for common by the chunks of its own collection', () => {
    commit(Array.from({ length: 1_000 }, (_, line) => `the ferry at line ${line}`).join('\n'), { collection: 'ships' });
    commit(Array.from({ length: 1_000 }, (_, line) => `the mill at line ${line}${line === 500 ? ' by the ferry' : ''}`).join('\n'));
    expect(find('where the mill and the ferry are')).toBe(1);
    expect(search('ferry', { collection: 'none' }, 5)).toEqual([]);
  });
});

describe('searchText', () => {
  it('finds a document by the title it was handed over with, by the next one, and after the index was made anew', () => {
    commit('rent is due in March\nheating is included', { title: 'Kestrel lease' });
    expect(find('kestrel')).toBe(2);
    commit('rent is due in March\nheating is included', { title: 'Osprey lease' });
    expect([find('kestrel'), find('osprey')]).toEqual([0, 2]);
    rebuildTextIndex(connection);
    expect([find('kestrel'), find('osprey')]).toEqual([0, 2]);
  });

  it('finds a document that has a title of its own by the one it was handed over with, too', () => {
    commit('rent is due in March', { title: 'Kestrel lease', own: 'Microsoft Word' });
    expect([find('kestrel'), find('microsoft')]).toEqual([1, 1]);
    commit('rent is due in March', { title: 'Osprey lease', own: 'Microsoft Word' });
    expect([find('kestrel'), find('osprey'), find('microsoft')]).toEqual([0, 1, 1]);
    rebuildTextIndex(connection);
    expect([find('kestrel'), find('osprey'), find('microsoft')]).toEqual([0, 1, 1]);
  });

  it('finds a document by what each of its sources is called, as long as that is there', () => {
    const text = 'rent is due in March\nheating is included';
    const found = () => ['kestrel', 'osprey', 'heron'].map(find);
    commit(text, { key: 'a', title: 'Kestrel lease' });
    commit(text, { key: 'b', title: 'Osprey lease' });
    expect(found()).toEqual([2, 2, 0]);
    rebuildTextIndex(connection);
    expect(found()).toEqual([2, 2, 0]);
    commit(text, { key: 'a', title: 'Heron lease', chunkerHash: 'by-twos' });
    expect(found()).toEqual([0, 2, 2]);
    purgeSource(connection, 'main', 'a', 1);
    expect(found()).toEqual([0, 2, 0]);
    commit(text, { key: 'a', title: 'Kestrel lease', chunkerHash: 'by-twos' });
    expect(found()).toEqual([2, 2, 0]);
    commit('a story', { key: 'b', title: 'Osprey lease' });
    expect(found()).toEqual([2, 1, 0]);
  });

  it('keeps few of many titles, and the same ones whenever the index is made', () => {
    for (let source = 0; source < 70; source += 1)
      commit('rent is due in March', { key: `k${(source * 37) % 70}`, title: `lease${source}` });
    const found = () => Array.from({ length: 70 }, (_, source) => find(`lease${source}`));
    const before = found();
    expect(before.filter((count) => count > 0)).toHaveLength(16);
    rebuildTextIndex(connection);
    expect(found()).toEqual(before);
  });

  it('finds words in writing without spaces, and single characters wherever they stand', () => {
    commit('本协议的年利率为百分之五。\n水是生命之源。\nミルの水車は春に修理された。\n풍차는 강에 있다');
    expect(find('年利率是多少？')).toBe(1);
    expect(find('水車')).toBe(1);
    expect(find('源')).toBe(1);
    expect(find('풍차')).toBe(1);
    expect(find('银行')).toBe(0);
  });

  it.each([
    ['Fußgänger', 'Fussgänger'],
    ['Fußgängerbrücke', 'FUSSGAENGERBRUECKE'],
    ['Brücke', 'Bruecke'],
    ['Müller', 'Mueller'],
    ['Fussgänger', 'Fußgänger'],
    ['FUSSGAENGERBRUECKE', 'Fußgängerbrücke'],
    ['Bruecke', 'Brücke'],
    ['Mueller', 'Müller'],
  ])('finds "%s" by "%s"', (written, asked) => {
    commit(`Die ${written} ist gesperrt.`);
    expect([find(written), find(asked), find(`Wer hat die ${asked} gesehen?`)]).toEqual([1, 1, 1]);
  });

  it('finds numbers with and without separators, and parts of names of code', () => {
    commit('The fee is 1,250 pounds.\nCall getUserName first.\nE_DISK_FULL ends it.');
    expect(find('1250')).toBe(1);
    expect(find('user name')).toBe(1);
    expect(find('E_DISK_FULL')).toBe(1);
  });
});

describe('refreshTextIndex', () => {
  it('fills an index of another version anew, once', () => {
    commit('the wheel turns');
    connection.db.exec("INSERT INTO chunk_index (chunk_index) VALUES ('delete-all')");
    refreshTextIndex(connection);
    expect(find('wheel')).toBe(1);
    connection.db.exec("INSERT INTO chunk_index (chunk_index) VALUES ('delete-all')");
    refreshTextIndex(connection);
    expect(find('wheel')).toBe(0);
  });
});
