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
  ])('tells %s', (language, text) => expect(detect(text)).toBe(language));

  it('leaves open what cannot be told', () => {
    for (const text of ['', '42', 'TCOLL', 'T cells', 'Lady Gaga', 'Las Vegas hotel tax', 'Los Angeles population', '12da-9che 6di4'])
      expect(detect(text)).toBeUndefined();
  });
});
