import { indexTextVersion } from '../../language/index-text.ts';
import { indexedTextVersion } from './chunk-texts.ts';
import type { Connection } from './connection.ts';
import { rebuildTextIndex } from './verify.ts';

const versionSetting = 'text-index-version';
/** Of what is indexed of a chunk, and of how its text is. */
const version = `${indexTextVersion}.${indexedTextVersion}`;

/**
 * Makes the text index anew when an earlier version of millrace filled it in another way. The index is derived: the record and its schema
 * stay as they are. The caller is the writer.
 */
export function refreshTextIndex(connection: Connection): void {
  const row = connection.prepare('SELECT value FROM settings WHERE key = ?').get(versionSetting) as { readonly value: string } | undefined;
  if (row?.value === version) return;
  connection.db
    .transaction(() => {
      rebuildTextIndex(connection);
      connection
        .prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
        .run(versionSetting, version);
    })
    .immediate();
}
