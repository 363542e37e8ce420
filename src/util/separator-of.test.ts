import { expect, it } from 'vitest';
import { separatorOf } from './separator-of.ts';

it.each([
  [',', 'question,expected\nWhat; then; and then?,x'],
  [';', 'question;expected\nWhat, then, and then?;1,5'],
  [';', 'question;"expected, or, not"'],
  [',', 'question\rwhy; why; why'],
  [',', ''],
])('tells %s by the first line', (separator, text) => expect(separatorOf(text)).toBe(separator));
