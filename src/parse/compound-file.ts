import { CFB } from '@e965/xlsx';

/** A compound file: a file system inside a file, in which the old Office formats and Outlook keep their parts. */
export interface CompoundFile {
  /** Each stream and storage by the names on its way from the root. */
  readonly paths: readonly (readonly string[])[];
  /** The stream at the root; `undefined` where there is none. */
  read(name: string): Uint8Array | undefined;
}

/** The part of the library that is used; it has no types of its own. */
interface CompoundLibrary {
  read(
    bytes: Buffer,
    options: { readonly type: 'buffer' },
  ): {
    readonly FullPaths: readonly string[];
    readonly FileIndex: readonly { readonly name: string; readonly content?: ArrayLike<number> }[];
  };
}

/** Throws where the directory cannot be read. */
export function openCompoundFile(bytes: Uint8Array): CompoundFile {
  const { FullPaths, FileIndex } = (CFB as CompoundLibrary).read(Buffer.from(bytes), { type: 'buffer' });
  // The first name is the root's.
  const paths = FullPaths.map((path) =>
    path
      .split('/')
      .filter((part) => part !== '')
      .slice(1),
  );
  return {
    paths,
    read(name) {
      const index = paths.findIndex((path) => path.length === 1 && path[0] === name);
      const content = FileIndex[index]?.content;
      return content === undefined ? undefined : Uint8Array.from(content);
    },
  };
}
