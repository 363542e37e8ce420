import { createLanguageDetector } from './detect-language.ts';

const { detect } = createLanguageDetector();

/** Begins with a code of ISO 639, and none of those for no language, several or an unknown one. */
const code = /^(?!(?:mis|mul|und|zxx)(?![a-z]))[a-z]{2,3}(?:[-_][a-z0-9]{1,8})*$/i;

/**
 * BCP 47 code: what a document says of itself, else what its beginning is written in; undefined where that cannot be told. Programs and
 * settings are in none, whatever their comments are in. What a document says is written the canonical way ("en" for "eng", "en-US" for "en_us");
 * what is no code ("English") is not taken.
 */
export function documentLanguage(
  { language, isSourceCode }: { readonly language: string | undefined; readonly isSourceCode: boolean },
  beginning: { slice(start: number, end: number): string },
): string | undefined {
  if (language !== undefined && code.test(language)) return canonical(language);
  return isSourceCode ? undefined : detect(beginning);
}

function canonical(language: string): string {
  const tag = language.replaceAll('_', '-');
  const primary = tag.split('-', 1);
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? tag;
  } catch {
    // Its first part is a code, the others are none.
    return Intl.getCanonicalLocales(primary)[0] ?? tag;
  }
}
