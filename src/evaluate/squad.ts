import { z } from 'zod';
import { MillraceError } from '../errors.ts';

/** The form of SQuAD 1.1 and 2.0, XQuAD and MLQA. */
const squad = z.object({
  data: z.array(
    z.object({
      title: z.string().optional(),
      paragraphs: z.array(
        z.object({
          context: z.string(),
          qas: z.array(
            z.object({
              id: z.string(),
              question: z.string(),
              answers: z.array(z.object({ text: z.string() })),
              is_impossible: z.boolean().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
});

export function isSquad(value: unknown): value is { readonly data: unknown } {
  return typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data);
}

/** Its questions as entries, each with its paragraph as context. The language is read from a name such as `xquad.de.json`. */
export function* squadEntries(value: unknown, file: string): Generator<{ readonly where: string; readonly value: unknown }> {
  const parsed = squad.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new MillraceError('E_INPUT_INVALID', `The file ${file} is not in the form of SQuAD at "${issue?.path.join('.') ?? ''}".`);
  }
  const language = /\.([a-z]{2})\.json$/.exec(file)?.[1];
  for (const { paragraphs } of parsed.data.data) {
    for (const { context, qas } of paragraphs) {
      for (const { id, question, answers, is_impossible: unanswerable = false } of qas) {
        const expected = [...new Set(answers.map(({ text }) => text))];
        yield {
          where: `Question ${id} of ${file}`,
          value: {
            id,
            question,
            context,
            ...(unanswerable ? { unanswerable } : { expected }),
            ...(language === undefined ? {} : { language }),
          },
        };
      }
    }
  }
}
