import { describe, expect, it } from 'vitest';
import { createLanguageDetector } from './detect-language.ts';

const { detect } = createLanguageDetector();

describe('createLanguageDetector', () => {
  it.each([
    ['en', 'What is the hourly wage of a train attendant?'],
    ['de', 'Wie hoch ist die Miete im ersten Jahr?'],
    ['de', 'Wie heißt die zweite Verwaltungsebene in Polen?'],
    ['de', 'Welche Miete gilt?'],
    ['en', 'What is the hotel tax of Las Vegas and Los Angeles?'],
    ['fr', 'Quel est le montant du loyer et quand doit-il être payé ?'],
    ['es', '¿Cuándo se paga el alquiler de la casa?'],
    ['it', 'Quando deve essere pagato il canone della casa?'],
    ['pt', 'Quando é que o aluguel da casa não é pago?'],
    ['nl', 'Wanneer moet de huur van het huis worden betaald?'],
    ['sv', 'När ska hyran för huset betalas och av vem?'],
    ['pl', 'Kiedy należy zapłacić czynsz za mieszkanie i ile on wynosi?'],
    ['tr', 'Kira ne zaman ödenir ve bu ev için ne kadar?'],
    ['ru', 'Когда нужно платить за аренду дома?'],
    ['uk', 'Коли потрібно платити за оренду будинку і що це?'],
    ['zh', '年利率是多少？'],
    ['ja', '契約はいつ終わりますか？'],
    ['ko', '임대료는 언제 내야 합니까?'],
    ['ar', 'متى يجب دفع الإيجار؟'],
    ['el', 'Πότε πληρώνεται το ενοίκιο;'],
    ['el', 'Πότε πληρώνεται το ενοίκιο;'.normalize('NFD')],
    ['el', 'τιμή'],
  ])('tells %s', (language, text) => expect(detect(text)).toBe(language));

  it('leaves open what cannot be told', () => {
    for (const text of ['TNF-α', 'IL-1β', 'NF-κB', 'γδ T cells', 'ΔG', 'αβ']) expect(detect(text), text).toBeUndefined();
    for (const text of ['', '42', 'TCOLL', 'T cells', 'Lady Gaga', 'Las Vegas hotel tax', 'Los Angeles population', '12da-9che 6di4'])
      expect(detect(text)).toBeUndefined();
  });

  it.each([
    'AutoGen conversation comment',
    'war museum opening hours',
    'plus size hat',
    'sans serif font',
    'die casting machine',
    'pour over coffee',
    'red wine tannin',
    'per capita income',
    'era of good feelings',
    'non-invasive helmet ventilation',
    'pro-inflammatory mediators',
    'resistance to zidovudine (AZT)',
    'Met Office forecast',
    'Allen, M. and Allen, L.',
    'Łódź population',
    'São Paulo weather',
    'Erdős number',
    'jalapeño recipe',
    'naïve Bayes comment',
    'las vegas hotels',
    'los angeles population',
    'ho chi minh',
    'hay price per ton',
    'tan leather boots',
    'mint condition',
    'volt meter reading',
    'prima facie evidence',
    'contra dance',
    'ada requirements ramp width',
    'dei policy',
    'fica tax rate',
    'sue landlord deposit',
    'tai chi benefits',
    'lat long coordinates',
    'ein number',
    'sci fi movies',
    'premier league',
    'stata regression',
    'class ia receptor',
    'dont starve release date',
  ])('takes English words, loans and names for no other language: %s', (text) => {
    expect([undefined, 'en']).toContain(detect(text));
  });

  it.each([
    ['fr', 'Comment fonctionne le moteur ?'],
    ['fr', "Comment résilier l'abonnement ?"],
    ['de', 'Wer war der Graf?'],
    ['de', 'Was war die Ursache?'],
    ['de', 'Was kosten Sie und Ihre Leute?'],
    ['de', 'Warum wirft parse_row(x) in src/rows.ts einen Fehler?'],
    ['ru', 'Что делает this в методе then?'],
    ['it', "Dov'è l'uscita della stazione?"],
  ])('tells %s beside words that English has, and code: %s', (language, text) => {
    expect(detect(text)).toBe(language);
  });

  it('takes titles with capitals for English', () => {
    expect(detect('An Improved Check for Decimal Numbers in an Analog Computer')).toBe('en');
  });

  it('tells no language of code, encoded data and tables of numbers', () => {
    const code = `
      const je = items.map((il) => il.value);
      for (const na of je) { if (na.do === 'po') od.push(na); }
      export function si(la, un) { return la.est(un) ?? { le: la.des, du: un.par }; }
      var ja = words.ja, de = words.de, fr = words.fr, es = words.es, pl = words.pl;
    `.repeat(5);
    const encoded = Buffer.from(Array.from({ length: 3_000 }, (_, index) => (index * 7_919 + (index >> 3)) % 256)).toString('base64');
    const table = Array.from({ length: 40 }, (_, row) => `${2_000 + row} | ${row * 1_117} | ${row / 8} | kg`).join('\n');
    for (const text of [code, encoded, encoded.replace(/.{76}/g, '$&\n'), `const wasm = '${encoded}';`, table])
      expect(detect(text)).toBeUndefined();
  });

  it('tells the language of prose around code', () => {
    const prose = 'Die Mühle mahlt, was der Fluss bringt, und das Rad dreht sich auch in der Nacht. '.repeat(3);
    expect(detect(`${prose}\n\nconst rows = read_rows(path);\n\n${prose}`)).toBe('de');
  });

  it('takes a long list of names with one foreign word for no language', () => {
    expect(detect(`${'Ada Grace Barbara Karen Frances Jean Radia Sophie\n'.repeat(10)}welche`)).toBeUndefined();
  });
});
