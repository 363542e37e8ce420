import { expect, it } from 'vitest';
import { closeFootnoteMarks } from './footnote-marks.ts';

it.each([
  ['In 1889.[1] It stands.', 'In 1889.))) It stands.'],
  ['“So it is.”[note 2][3] Then', '“So it is.”))))))))))) Then'],
  ['(So it is.)¹² Then', '(So it is.))) Then'],
  ['330 metres tall[2] and x² of items[1].', '330 metres tall[2] and x² of items[1].'],
  ['No mark here. [1] Another.', 'No mark here. [1] Another.'],
  ['[1]', '[1]'],
  ['An open one.[ and no end', 'An open one.[ and no end'],
])('%j is read as %j', (text, closed) => {
  expect(closeFootnoteMarks(text)).toBe(closed);
});
