import { isMillraceError } from '../../errors.ts';

/** What `read` returns; undefined where what it reads is not what was written. Any other error is thrown on. */
export function unlessDamaged<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError || (isMillraceError(error) && error.code === 'E_STORE_CORRUPT')) return undefined;
    throw error;
  }
}
