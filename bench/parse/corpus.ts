import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

export interface CorpusFile {
  readonly path: string;
  /** Relative to the corpus. */
  readonly name: string;
  /** Lower case, without the dot. */
  readonly ending: string;
  /** The text of a reviewed conversion. */
  readonly reference?: string;
}

const documentation = /^(?:README|MANIFEST|LICEN[CS]E)/i;

/** The files of a corpus in order of name, with the reference `expected/<name>.md` beside each that has one. */
export function corpusFiles(folder: string): CorpusFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !documentation.test(entry.name) && path.basename(entry.parentPath) !== 'expected')
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted()
    .map((file) => {
      const reference = path.join(path.dirname(file), 'expected', `${path.basename(file)}.md`);
      return {
        path: file,
        name: path.relative(folder, file),
        ending: path.extname(file).slice(1).toLowerCase(),
        ...(existsSync(reference) ? { reference: readFileSync(reference, 'utf8') } : {}),
      };
    });
}

export interface Article {
  readonly name: string;
  readonly html: Uint8Array;
  readonly text: string;
}

/** Pages of news sites with the text of their article, made by hand. */
export function articles(folder: string): Article[] {
  const truth = JSON.parse(readFileSync(path.join(folder, 'ground-truth.json'), 'utf8')) as Record<
    string,
    { readonly articleBody: string }
  >;
  return Object.entries(truth).map(([name, { articleBody }]) => ({
    name,
    html: gunzipSync(readFileSync(path.join(folder, 'html', `${name}.html.gz`))),
    text: articleBody,
  }));
}

/** Files of parse-docs in which no text is stored: pictures, drawings, check boxes, and one behind a password. Each was looked at. */
const withoutText = new Set([
  ...[
    'bitmap-composite-or-xor-replace-refine',
    'bitmap-halftone-refine',
    'bitmap-halftone-template3',
    'bitmap-symbol-symbolrefine-textrefine',
    'bitmap-symbol-symbolrefineone-customat',
    'bitmap-symbol-texthuffrefinecustom',
    'bitmap-template2-customat-tpgdon',
    'bitmap-template2',
    'bitmap-tpgdon',
    'coons-allflags-withfunction',
    'gradientfill',
    'issue14023',
    'issue17065',
    'issue17147',
    'issue18894',
    'knockout_nested_group_alpha',
    'tensor-allflags-withfunction',
  ].map((name) => path.join('pdfjs', `${name}.pdf`)),
  ...['grayscale-image', 'imagemagick-ASCII85Decode', 'imagemagick-CCITTFaxDecode', 'imagemagick-lzw', 'libreoffice-writer-password'].map(
    (name) => path.join('py-pdf', `${name}.pdf`),
  ),
  path.join('unstructured', 'picture.pptx'),
]);

const pictures = new Set(['png', 'jpg', 'jpeg', 'heic', 'tif', 'tiff', 'gif', 'bmp', 'webp']);

export function holdsText({ name, ending }: CorpusFile): boolean {
  return !pictures.has(ending) && !withoutText.has(name);
}
