import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitLines } from '../../testing/store-conformance.ts';
import { openInMemory } from './connection.ts';
import type { Connection } from './connection.ts';
import { createGroupCommit } from './group-commit.ts';
import { searchText } from './text-search.ts';

let connection: Connection;
beforeEach(() => {
  connection = openInMemory();
});
afterEach(() => connection.close());

/** A collection so large that common words are left out: every chunk holds "mill", one holds "rye". */
function commitMany(): void {
  const text = Array.from({ length: 1_000 }, (_, line) => `the mill at line ${line}${line === 500 ? ' grinds rye' : ''}`).join('\n');
  const operations = [{ operation: commitLines('mills', text), ids: { source: 'source', document: 'document' } }];
  const [answer] = createGroupCommit(connection).commit([{ number: 1, call: { type: 'commit', operations } }]);
  if (answer !== undefined && 'error' in answer) throw new Error(answer.error.message);
}

const find = (query: string): number => searchText(connection, query, { collection: 'main' }, 5).length;

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
