import type { Hit } from '../spec/answers.ts';
import { mapInTurns } from '../util/in-turns.ts';
import { sentencesOf } from './matching.ts';

/** What is said to a machine that reads along, not to people. Flagged, never removed: documents are quoted as they are. */
const patterns: readonly RegExp[] = [
  /\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|preceding|all|any|your|the)\b.{0,40}\b(?:instructions?|prompts?|rules|guidelines|directions|context)\b/iu,
  /\b(?:ignoriere|missachte|vergiss)\b.{0,60}\b(?:anweisung(?:en)?|regeln|anleitung(?:en)?|vorgaben)\b/iu,
  /^(?:please\s+)?(?:\p{L}+ly\s+)?(?:add|alter|append|apply|begin|change|convert|create|delete|embed|encode|encourage|end|express|fill|format|generate|give|highlight|include|incorporate|insert|integrate|introduce|jumble|make|mention|mix|place|present|promote|provide|put|rearrange|recommend|remove|replace|respond|reverse|scramble|shuffle|start|state|substitute|suggest|switch|swap|translate|use|write)\b.{0,200}\b(?:your|the|every|each)\s+(?:\p{L}+\s+)?(?:answers?|responses?|output|summary)\b/iu,
  /\b(?:in|with|from) your (?:answer|response|reply|output|summary)\b.{0,80}\b(?:add|include|insert|mention|use|replace|remove)\b/iu,
  /\b(?:in|zu|an) (?:deine[rn]?|ihre[rn]?) (?:antwort|zusammenfassung)\b.{0,80}\b(?:füge|fügen|schreibe|erwähne|nenne)\b|\b(?:füge|fügen sie|schreibe|erwähne|nenne)\b.{0,120}\b(?:in|zu) (?:deiner|ihrer) (?:antwort|zusammenfassung)\b/iu,
  /\b(?:you are|act as|pretend to be|du bist) (?:now )?(?:an? |ein )?(?:ai|artificial intelligence|assistant|chatbot|chatgpt|language model|llm|ki|assistent|sprachmodell)\b/iu,
  /\b(?:system prompt|(?:reveal|print|repeat|show) your (?:prompt|instructions|rules))\b/iu,
  /<\|(?:im_start|im_end|system|user|assistant|eot_id|start_header_id|end_header_id|endoftext)\|>|<(?:start|end)_of_turn>|\[\/?INST\]|<<\/?SYS>>/u,
  /^\s*(?:system|assistant|ai|chatgpt)\s*:/iu,
];

/** Of a longer sentence each stretch of this length is looked at, in characters. */
const stretch = 2_000;
const overlap = 300;

/**
 * Sentences of a passage that address the reader's assistant: orders about its answer, its instructions or its role, and marks of chat
 * templates, also where a line ends within them. By patterns in English and German: it finds what is said plainly, and a document about such
 * attacks is flagged too. Pure.
 */
export function addressesAssistant(text: string): string[] {
  const ofLines = flagged(text);
  const whole = flagged(text.replace(/\s+/g, (space) => (space.includes('\n') ? ' ' : space)));
  return [...ofLines, ...whole.filter((sentence) => !ofLines.some((line) => sentence.includes(line)))];
}

function flagged(text: string): string[] {
  return sentencesOf(text)
    .flatMap(({ text: sentence }) => stretchesOf(sentence))
    .filter((sentence) => patterns.some((pattern) => pattern.test(sentence)));
}

function stretchesOf(sentence: string): string[] {
  const stretches: string[] = [];
  for (let start = 0; start === 0 || start + overlap < sentence.length; start += stretch - overlap) {
    stretches.push(sentence.slice(start, start + stretch));
  }
  return stretches;
}

const shownCharacters = 120;

/** What the user is told of the passages that were read, with titles, headings and table headers; undefined where none speaks to the assistant. */
export async function injectionNotice(
  hits: readonly Pick<Hit, 'rank' | 'title' | 'headingPath' | 'tableHeader' | 'text'>[],
): Promise<string | undefined> {
  const ofHits = await mapInTurns(hits, ({ rank, title, headingPath, tableHeader, text }) => {
    const sentences = new Set([title ?? '', ...headingPath, tableHeader ?? '', text].flatMap(addressesAssistant));
    return [...sentences].map((sentence) => ({ rank, sentence }));
  });
  const found = ofHits.flat();
  const [first] = found;
  if (first === undefined) return undefined;
  const shown = Array.from(first.sentence).slice(0, shownCharacters).join('');
  const more = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
  return `A passage speaks to the assistant that reads it, which was told to take it as data: [${first.rank}] "${shown}${shown === first.sentence ? '' : ' …'}"${more}.`;
}
