import { createHttpClient } from '../../src/models/http-get.ts';

/** Gets one address with the environment it was started with; prints the status and body, or the error. */
const client = await createHttpClient(process.env);
try {
  const answer = await client.get(new URL(process.argv[2] ?? ''), { headers: {} });
  process.stdout.write(`${answer.status} ${(await answer.body.toArray()).join('')}`);
} catch (error) {
  const cause = error as { readonly code?: string; readonly message: string };
  process.stdout.write(`failed ${cause.code ?? ''} ${cause.message}`);
} finally {
  await client.close();
}
