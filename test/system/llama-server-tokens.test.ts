import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Generator, LocalDevice } from '../../src/spec/engine.ts';
import { systemClock } from '../../src/util/clock.ts';
import { ask, callOptions, createTestDevice, finalOf, loadTestGenerator } from '../model/engine-fixture.ts';
import { testModel } from '../model/models.ts';

/**
 * Greedy tokens against llama-server with the same weights, threads and prompt tokens. `MILLRACE_LLAMA_SERVER` is its path. Equality
 * is promised for a server that runs the same shared libraries; another build takes other kernels, and then a path may fork where the
 * two best logits lie within `closeLogits` of each other, which the server's own probabilities show.
 */

const server = process.env['MILLRACE_LLAMA_SERVER'];
if (server === undefined) process.stderr.write('skipped: MILLRACE_LLAMA_SERVER does not name a llama-server\n');

const closeLogits = 0.2;
const outputTokens = 32;
const port = 18_471;

const topics = ['a river', 'the moon', 'bread', 'a bicycle', 'winter', 'glass', 'a library', 'salt', 'an island', 'music'];
const forms = [
  'Explain what {} is to a child.',
  'Write two sentences about {}.',
  'List three facts about {}:',
  'Why do people like {}?',
  'Continue: Long ago, {}',
];
const prompts = topics.flatMap((topic) => forms.map((form) => form.replace('{}', topic)));

interface Completion {
  readonly tokens: number[];
  readonly completion_probabilities: { readonly id: number; readonly top_logprobs: { readonly id: number; readonly logprob: number }[] }[];
}

describe.skipIf(server === undefined)('tokens of llama-server', () => {
  let device: LocalDevice;
  let generator: Generator;
  let process_: ChildProcess;

  beforeAll(async () => {
    const { path } = await testModel('smollm2-135m');
    device = createTestDevice();
    generator = await loadTestGenerator(device);
    const options = ['-m', path, '-np', '1', '-c', '2048', '-t', '1', '-tb', '1', '--port', String(port), '--no-webui'];
    process_ = spawn(server!, options, { stdio: 'ignore', env: { ...process.env, LD_LIBRARY_PATH: dirname(server!) } });
    for (let attempt = 0; !(await healthy()); attempt++) {
      if (attempt > 300) throw new Error('llama-server did not start.');
      await systemClock.sleep(200);
    }
  });
  afterAll(async () => {
    process_.kill('SIGKILL');
    await device.close();
  });

  it('are ours, alone, on 50 prompts', async () => {
    const forks: { prompt: string; position: number; distance: number }[] = [];
    for (const prompt of prompts) {
      const request = ask(prompt, { maxTokens: outputTokens });
      const { tokens } = await generator.tokenizer.tokenizePrompt(request.prompt);
      const ours = (await finalOf(generator.generate(request, callOptions()))).tokens;
      const theirs = await complete([...tokens]);
      const position = ours.findIndex((token, index) => token !== theirs.tokens[index]);
      if (position === -1) continue;
      const best = theirs.completion_probabilities[position]?.top_logprobs ?? [];
      forks.push({ prompt, position, distance: (best[0]?.logprob ?? 0) - (best[1]?.logprob ?? -Infinity) });
    }
    process.stderr.write(`equal on ${prompts.length - forks.length} of ${prompts.length} prompts; forks: ${JSON.stringify(forks)}\n`);
    expect(prompts).toHaveLength(50);
    expect(forks.filter(({ distance }) => distance > closeLogits)).toEqual([]);
  });
});

async function healthy(): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/health`).then(
    (response) => response.ok,
    () => false,
  );
}

async function complete(prompt: number[]): Promise<Completion> {
  const body = {
    prompt,
    n_predict: outputTokens,
    temperature: 0,
    cache_prompt: false,
    return_tokens: true,
    n_probs: 2,
    post_sampling_probs: false,
  };
  const response = await fetch(`http://127.0.0.1:${port}/completion`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Completion;
}
