import { createModels } from '../../src/models/models.ts';
import { defaultModelsHome } from '../../src/models/models-home.ts';
import type { InstalledModel } from '../../src/spec/model.ts';
import { systemClock } from '../../src/util/clock.ts';

/** The small models that `npm test` puts into the models folder: good for plumbing, not for judging answers. */
export type TestModel = 'smollm2-135m' | 'minilm-l6';

/** `MILLRACE_TEST_MODELS=skip` leaves out the tests that need one. */
export const withoutModels = process.env['MILLRACE_TEST_MODELS'] === 'skip';

/** @throws MillraceError E_MODEL_NOT_INSTALLED with the command that fetches it */
export function testModel(name: TestModel): Promise<InstalledModel> {
  return createModels({ home: defaultModelsHome(process.env), clock: systemClock, environment: process.env }).resolve(name);
}
