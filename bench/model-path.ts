import { openModels } from '../src/index.ts';

/** The file of an installed model, for rivals that load it themselves. */
export async function modelPath(model: string, home?: string): Promise<string> {
  const models = openModels(home === undefined ? {} : { home });
  try {
    return (await models.resolve(model)).path;
  } finally {
    await models.close();
  }
}
