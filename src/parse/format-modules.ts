import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import type { FormatParser } from '../spec/parser.ts';

const formatParser = z.object({
  name: z.string().min(1).max(100),
  version: z.number().int().positive(),
  contentTypes: z.array(z.string().min(1)).min(1),
  isContainer: z.boolean().optional(),
  isText: z.boolean().optional(),
  endings: z.record(z.string(), z.string()).optional(),
  parse: z.custom<FormatParser['parse']>((value) => typeof value === 'function', 'It must be a function.'),
});

/**
 * Formats of the program, from modules whose default export is one `FormatParser` or a list of them. The main process loads them for
 * names and versions; they are run in the parser children only.
 * @throws MillraceError E_INPUT_INVALID for a module that cannot be loaded or exports something else
 */
export async function loadFormatModules(modules: readonly string[]): Promise<readonly FormatParser[]> {
  const formats: FormatParser[] = [];
  for (const url of modules) {
    let exported: unknown;
    try {
      exported = ((await import(url)) as { readonly default?: unknown }).default;
    } catch (error) {
      throw new MillraceError('E_INPUT_INVALID', `The module of formats ${url} cannot be loaded: ${(error as Error).message}`, {
        cause: error,
      });
    }
    for (const one of Array.isArray(exported) ? (exported as unknown[]) : [exported]) {
      const checked = formatParser.safeParse(one);
      if (!checked.success) {
        const [issue] = checked.error.issues;
        const at = issue?.path.join('.') || 'its default export';
        throw new MillraceError('E_INPUT_INVALID', `The module of formats ${url} is not valid at ${at}: ${issue?.message ?? ''}`);
      }
      // The object itself: `parse` may need its `this`.
      formats.push(one as FormatParser);
    }
  }
  return formats;
}
