import { createLanguageDetector } from './detect-language.ts';

const { detect } = createLanguageDetector();

/**
 * BCP 47 code: what a document says of itself, else what its beginning is written in; undefined where that cannot be told. Programs and
 * settings are in none, whatever their comments are in.
 */
export function documentLanguage(
  { language, isSourceCode }: { readonly language: string | undefined; readonly isSourceCode: boolean },
  beginning: { slice(start: number, end: number): string },
): string | undefined {
  return language ?? (isSourceCode ? undefined : detect(beginning));
}
