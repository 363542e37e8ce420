import { homedir } from 'node:os';
import { join } from 'node:path';
import type { HubAddress } from './model-name.ts';

/**
 * The folder for models and other things that can be fetched again: `MILLRACE_HOME`, else the platform's cache folder
 * (`$XDG_CACHE_HOME/millrace` or `~/.cache/millrace`, `~/Library/Caches/millrace`, `%LOCALAPPDATA%\millrace`).
 */
export function defaultModelsHome(
  environment: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
  userHome: string = homedir(),
): string {
  const chosen = environment['MILLRACE_HOME'];
  if (chosen !== undefined && chosen !== '') return chosen;
  if (platform === 'darwin') return join(userHome, 'Library', 'Caches', 'millrace');
  if (platform === 'win32') return join(environment['LOCALAPPDATA'] ?? join(userHome, 'AppData', 'Local'), 'millrace');
  const cache = environment['XDG_CACHE_HOME'];
  return join(cache !== undefined && cache !== '' ? cache : join(userHome, '.cache'), 'millrace');
}

/** The places inside the home folder. */
export function modelPaths(home: string): {
  readonly models: string;
  /** Facts about GGUF files elsewhere, so that they are hashed once. */
  readonly known: string;
  installed(file: string): string;
  fromHub(address: HubAddress): string;
  /** Folder of an unfinished pull, and its lock. */
  incoming(key: string): { readonly folder: string; readonly lock: string };
} {
  const models = join(home, 'models');
  return {
    models,
    known: join(home, 'known'),
    installed: (file) => join(models, file),
    fromHub: ({ repository, revision, path }) =>
      join(
        models,
        'hub',
        ...repository.split('/'),
        ...(revision === 'main' ? [] : [`@${revision.replaceAll('/', '_')}`]),
        ...path.split('/'),
      ),
    incoming: (key) => {
      const slug = key.replaceAll(/[^\w.-]+/gu, '_');
      return { folder: join(home, 'incoming', slug), lock: join(home, 'incoming', `${slug}.lock`) };
    },
  };
}
