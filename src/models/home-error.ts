import { isMillraceError, MillraceError } from '../errors.ts';

/** Codes of the system and of SQLite which say that a place cannot be used as it is. */
const codesOfPlaces = /^(?:EACCES|EPERM|EROFS|ENOTDIR|EEXIST|SQLITE_CANTOPEN|SQLITE_READONLY)/;

/** What is thrown where the folder of the models cannot be read or written; every other error stays as it is. */
export function toHomeError(thrown: unknown, home: string): unknown {
  const original = isMillraceError(thrown) && thrown.code === 'E_INTERNAL' ? thrown.cause : thrown;
  if (isMillraceError(original) || !(original instanceof Error)) return thrown;
  const code = (original as NodeJS.ErrnoException).code ?? '';
  if (!codesOfPlaces.test(code)) return thrown;
  return new MillraceError('E_CONFIG_INVALID', `The folder of the models, ${home}, cannot be used as it is (${code}).`, {
    remedy: 'Change its permissions, or choose another folder with MILLRACE_HOME.',
    cause: original,
    details: { setting: 'home', home },
  });
}

/** True where only the permission to write is missing. */
export function isWriteRefused(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
}
