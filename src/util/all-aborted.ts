/** Aborts when the last of `signals` has, with its reason: as long as one caller wants the work that they share, it goes on. */
export function allAborted(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const released = new AbortController();
  let open = signals.filter(({ aborted }) => !aborted).length;
  if (open === 0 && signals.length > 0) controller.abort(signals.at(-1)?.reason);
  for (const signal of signals) {
    if (signal.aborted) continue;
    const onAbort = (): void => {
      open -= 1;
      if (open === 0) controller.abort(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true, signal: released.signal });
  }
  return { signal: controller.signal, release: () => released.abort() };
}
