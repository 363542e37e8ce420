import type { ContentBeyondParts, ContentPart, FormatParser } from '../../spec/parser.ts';
import { sourceCodeType } from '../../spec/source-code-type.ts';
import { parsePlainText, parsePlainTextInParts } from '../plain-text.ts';

/** Programs and settings: the text as it stands, lines between empty ones as blocks of code. */
export const parseSourceCode: FormatParser['parse'] = async (bytes, context) => {
  const content = await parsePlainText(bytes, context);
  return { ...content, blocks: content.blocks.map((block) => ({ ...block, kind: 'code' as const })) };
};

export function* parseSourceCodeInParts(
  bytes: Uint8Array,
  context: { readonly encoding?: string },
): Generator<ContentPart, ContentBeyondParts> {
  const parts = parsePlainTextInParts(bytes, context);
  for (;;) {
    const next = parts.next();
    if (next.done === true) return next.value;
    yield { ...next.value, blocks: next.value.blocks.map((block) => ({ ...block, kind: 'code' as const })) };
  }
}

/** Endings of what is written for machines and read by people. */
export const sourceCodeEndings: Readonly<Record<string, string>> = Object.fromEntries(
  (
    'c h cc cpp cxx hpp cs java kt kts scala go rs swift m mm py pyi rb php pl pm lua r jl dart ts tsx mts cts js jsx mjs cjs vue svelte ' +
    'sh bash zsh fish ps1 bat cmd sql graphql proto css scss sass less yaml yml toml ini cfg conf properties env tf hcl gradle cmake ' +
    'makefile dockerfile asm s f90 f95 pas vb vbs hs ml mli ex exs erl clj lisp el scm zig nim groovy diff patch'
  )
    .split(' ')
    .map((ending) => [ending, sourceCodeType]),
);
