import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';

it('leaves threads nothing to strip of types, so that they compile no WebAssembly', async () => {
  const store = JSON.stringify(new URL('../../src/store/open-store.ts', import.meta.url).href);
  const thread = new Worker(
    `import(${store}).then(() => require('node:worker_threads').parentPort.postMessage(process.moduleLoadList), (error) => { throw error; });`,
    { eval: true, execArgv: [] },
  );
  const loaded = await new Promise<readonly string[]>((resolve, reject) => thread.once('message', resolve).once('error', reject));
  expect(loaded.length).toBeGreaterThan(100);
  expect(loaded.filter((name) => name.includes('amaro'))).toEqual([]);
});
