import type { Mill } from '../spec/mill.ts';
import { pageKindOf } from '../spec/page-kind.ts';
import type { DocumentRecord, SourceRecord } from '../spec/store.ts';
import { counted, describeLength } from './describe-place.ts';
import { formatBytes, sourceName, type Terminal, visible, visibleOnLine } from './terminal.ts';

type ShownSource = Awaited<ReturnType<Mill['documents']['show']>>;

const quarantineCode = 'E_PARSE_CRASHED';

/** One source in a list: its state, its name, and the code of what went wrong. */
export function sourceLine({ uri, error, pendingAt }: SourceRecord): string {
  const state = error?.code === quarantineCode ? 'quarantined' : error !== null ? 'failed' : pendingAt !== null ? 'pending' : 'ok';
  return `${state.padEnd(6)}  ${sourceName(uri)}${error === null ? '' : ` (${error.code})`}\n`;
}

/** All that the record says of one source: what was given to it, what its document says of itself, and its versions. */
export function tellSource(terminal: Pick<Terminal, 'out'>, { source, document, versions }: ShownSource): void {
  terminal.out(`${sourceName(source.uri)}\n`);
  if (source.error !== null) {
    const { code, message } = source.error;
    terminal.out(`${code === quarantineCode ? 'in quarantine' : 'failed'}: ${visible(message)}\n`);
  }
  if (source.pendingAt !== null) terminal.out('accepted, not yet read\n');
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['title', source.title?.trim() ? source.title : document?.title],
    ...(document === null ? [] : factsOf(document)),
    ['size', source.size === null ? null : formatBytes(source.size)],
    ['file modified', timeOf(source.mtime)],
    ...Object.entries(source.metadata).map(([name, value]) => [name, String(value)] as const),
  ];
  for (const [name, value] of facts) if (value !== null && value !== undefined) terminal.out(`${visibleOnLine(`${name}: ${value}`)}\n`);
  for (const warning of document?.warnings ?? []) terminal.out(`note: ${visibleOnLine(warning)}\n`);
  terminal.out(document === null ? 'no document\n' : `document: ${document.id}\n`);
  for (const { number, from, until, document: id } of versions)
    terminal.out(`version ${number}: ${id}, ${timeOf(from)} to ${timeOf(until) ?? 'now'}\n`);
}

function factsOf(document: DocumentRecord): readonly (readonly [string, string | null])[] {
  return [
    ['author', document.author],
    ['language', document.language],
    ['created', timeOf(document.createdAt)],
    ['modified', timeOf(document.modifiedAt)],
    ['type', document.contentType],
    ['text', `${counted(document.textLength, 'character')}, ${describeLength({ ...document, pageKind: pageKindOf(document) })}`],
    ['ingested', timeOf(document.committedAt)],
  ];
}

/** ISO 8601 with ms; null for none, and for what a file says that is no time. */
function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toJSON();
}
