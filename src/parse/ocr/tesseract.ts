import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';
import { MillraceError } from '../../errors.ts';
import { wordsOfTable, type ReadWord } from './read-words.ts';

/** The packages that OCR needs; no part of the normal install (58 MB). */
const corePackage = 'tesseract.js-core';
const coreVersion = '7.0.0';
const dataPackage = (language: string): string => `@tesseract.js-data/${language}`;

/** What to do where a scan cannot be read. */
export function ocrRemedy(language = 'eng'): string {
  return `To read scans and images, run "npm install ${corePackage}@${coreVersion} ${dataPackage(language)}@1.0.0" and repeat the command with --reread.`;
}

/** Whether the packages for a language are installed. Loads nothing. */
export function isOcrInstalled(language: string): boolean {
  const require = createRequire(import.meta.url);
  try {
    require.resolve(`${corePackage}/package.json`);
    require.resolve(`${dataPackage(language)}/package.json`);
    return true;
  } catch {
    return false;
  }
}

export interface ReadImage {
  /** In reading order; lengths in pixels from the top left corner of the upright image. */
  readonly words: readonly ReadWord[];
  /** Of the upright image, in pixels. */
  readonly width: number;
  readonly height: number;
  /** 0–100. */
  readonly confidence: number;
}

export interface Ocr {
  /** PNG, JPEG, BMP, TIFF, WebP or PNM; read upright, whichever way it is turned. */
  read(image: Uint8Array): ReadImage;
}

/** Read text is not certain text. Confidences of pages, 0–100. */
export function ocrWarning(confidences: readonly number[]): string {
  const mean = confidences.reduce((sum, one) => sum + one, 0) / Math.max(confidences.length, 1);
  return `The text was read from ${confidences.length === 1 ? 'an image' : `${confidences.length} images`} by OCR, with a confidence of ${Math.round(mean)} of 100.`;
}

/** The part of the library that is used. It runs here, without a thread and without the network. */
interface Core {
  readonly FS: { writeFile(path: string, content: Uint8Array): void };
  readonly TessBaseAPI: new () => Recogniser;
}
interface Recogniser {
  Init(path: null, language: string, mode: number): number;
  SetImageFile(orientation: number, angle: number, upscale: boolean): number;
  Recognize(monitor: null): number;
  MeanTextConf(): number;
  GetTSVText(page: number): string;
}

/** Orientations as cameras write them: upright, turned by half, to the right, to the left. */
const orientations = [1, 3, 6, 8] as const;
/** A page read with this confidence is not turned to look for a better one. */
const goodConfidence = 70;
/** Below it, the page holds no text that this language has. */
const minConfidence = 35;

/** One recogniser a language, for all documents of the process. */
export function createOcrs(): (language: string) => Promise<Ocr> {
  const opened = new Map<string, Promise<Ocr>>();
  return (language) => {
    const ocr = opened.get(language) ?? openOcr(language);
    opened.set(language, ocr);
    return ocr;
  };
}

/** @throws MillraceError E_DOCUMENT_UNSUPPORTED where the packages are missing */
export async function openOcr(language: string): Promise<Ocr> {
  if (!isOcrInstalled(language))
    throw new MillraceError('E_DOCUMENT_UNSUPPORTED', 'OCR is not installed.', { remedy: ocrRemedy(language) });
  const require = createRequire(import.meta.url);
  const createCore = require(`${corePackage}/tesseract-core-simd-lstm.js`) as (options: object) => Promise<Core>;
  const core = await createCore({ print: () => undefined, printErr: () => undefined });
  const data = readFileSync(require.resolve(`${dataPackage(language)}/4.0.0_best_int/${language}.traineddata.gz`));
  core.FS.writeFile(`${language}.traineddata`, gunzipSync(data));
  const recogniser = new core.TessBaseAPI();
  const neuralNetwork = 1;
  if (recogniser.Init(null, language, neuralNetwork) !== 0) throw new Error(`The OCR data for ${language} cannot be loaded.`);

  function recognise(orientation: number): ReadImage {
    if (recogniser.SetImageFile(orientation, 0, false) !== 0) throw new MillraceError('E_DOCUMENT_DAMAGED', 'The image cannot be decoded.');
    recogniser.Recognize(null);
    return { ...wordsOfTable(recogniser.GetTSVText(0)), confidence: recogniser.MeanTextConf() };
  }

  return {
    read(image) {
      core.FS.writeFile('/input', image);
      let best: ReadImage | undefined;
      for (const orientation of orientations) {
        const found = recognise(orientation);
        if (best === undefined || found.confidence > best.confidence) best = found;
        if (best.confidence >= goodConfidence) break;
      }
      if (best === undefined || best.confidence < minConfidence)
        return { words: [], width: 0, height: 0, confidence: best?.confidence ?? 0 };
      return best;
    },
  };
}
