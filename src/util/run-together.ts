/**
 * Runs tasks side by side. The first failure, or an abort of `signal`, aborts the signal that the others were given. Settles when all
 * have ended, with the first failure if there was one.
 */
export async function runTogether(signal: AbortSignal, tasks: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<void> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const failures: unknown[] = [];
  await Promise.all(
    tasks.map((task) =>
      task(controller.signal).catch((error: unknown) => {
        failures.push(error);
        controller.abort(error);
      }),
    ),
  );
  signal.removeEventListener('abort', onAbort);
  if (failures.length > 0) throw failures[0];
}
