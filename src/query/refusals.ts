/** What is answered when the documents do not hold the answer, by language of the question. */
const refusals: Readonly<Record<string, string>> = {
  en: 'Not in the documents.',
  de: 'Nicht in den Dokumenten.',
  fr: 'Pas dans les documents.',
  es: 'No está en los documentos.',
  it: 'Non è nei documenti.',
  pt: 'Não está nos documentos.',
  nl: 'Niet in de documenten.',
  sv: 'Finns inte i dokumenten.',
  da: 'Findes ikke i dokumenterne.',
  nb: 'Finnes ikke i dokumentene.',
  fi: 'Ei asiakirjoissa.',
  pl: 'Nie ma tego w dokumentach.',
  cs: 'Není v dokumentech.',
  ro: 'Nu se află în documente.',
  hu: 'Nincs a dokumentumokban.',
  tr: 'Belgelerde yok.',
  id: 'Tidak ada dalam dokumen.',
  ru: 'Этого нет в документах.',
  uk: 'Цього немає в документах.',
  zh: '文档中没有相关内容。',
  ja: '文書に記載がありません。',
  ko: '문서에 없습니다.',
  th: 'ไม่มีในเอกสาร',
  el: 'Δεν υπάρχει στα έγγραφα.',
  he: 'לא נמצא במסמכים.',
  ar: 'غير موجود في المستندات.',
  hi: 'दस्तावेज़ों में नहीं है।',
};

/** English where the language is not known. */
export const refusal = 'Not in the documents.';

export function refusalIn(language: string | undefined): string {
  return language !== undefined && Object.hasOwn(refusals, language) ? (refusals[language] ?? refusal) : refusal;
}

/** True for any of them, whatever its case and stop. */
export function isStandardRefusal(text: string): boolean {
  const plain = bare(text);
  return Object.values(refusals).some((one) => bare(one) === plain);
}

function bare(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s.。।]+/g, ' ')
    .trim();
}
