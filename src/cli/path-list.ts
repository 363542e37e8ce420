import { MillraceError } from '../errors.ts';

/** Longest path that a list may hold, in characters; with a longer one the input is no list of paths. */
const maxPathLength = 32_768;

/**
 * The paths as they were given, with those of standard input in the place of "-": one a line, or separated by NUL. Read as a stream, so that
 * a list of any length takes no memory. Empty lines are left out.
 * @throws MillraceError E_USAGE for a list that is separated in the other way
 */
export async function* readPathList(
  paths: readonly string[],
  input: AsyncIterable<Uint8Array | string>,
  separatedByNull: boolean,
): AsyncGenerator<string> {
  for (const path of paths) {
    if (path === '-') yield* listed(input, separatedByNull ? '\0' : '\n');
    else yield path;
  }
}

async function* listed(input: AsyncIterable<Uint8Array | string>, separator: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of input) {
    const names = (rest + (typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true }))).split(separator);
    rest = (names.pop() ?? '').slice(0, maxPathLength);
    for (const name of names) yield* whole(name, separator);
  }
  yield* whole(rest + decoder.decode(), separator);
}

function* whole(name: string, separator: string): Generator<string> {
  if (separator === '\n' && name.includes('\0')) {
    throw new MillraceError('E_USAGE', 'The list on standard input is separated by NUL characters.', { remedy: 'Add --null.' });
  }
  const path = separator === '\n' ? name.replace(/\r$/u, '') : name;
  if (path.trim() !== '') yield path;
}
