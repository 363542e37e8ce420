import { hashOf } from '../../util/hash.ts';
import type { Connection } from './connection.ts';

/** Settings of the record, one for each source that was removed and not overwritten since: the hash of its name, not the name. */
const prefix = 'removed:';

function settingOf(collection: string, key: string): string {
  return prefix + hashOf([collection, key]);
}

/** A removed source leaves its text in freed pages: a purge of its name has that to overwrite, one of any other name nothing. */
export function noteRemoved(connection: Connection, collection: string, key: string): void {
  connection.prepare(`INSERT OR IGNORE INTO settings (key, value) VALUES (?, 'true')`).run(settingOf(collection, key));
}

export function wasRemoved(connection: Connection, collection: string, key: string): boolean {
  return connection.prepare('SELECT 1 FROM settings WHERE key = ?').get(settingOf(collection, key)) !== undefined;
}

/** Everything that was freed is overwritten. */
export function forgetRemoved(connection: Connection): void {
  connection.prepare('DELETE FROM settings WHERE substr(key, 1, ?) = ?').run(prefix.length, prefix);
}
