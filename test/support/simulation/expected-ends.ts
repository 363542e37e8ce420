/** How a simulated request may end: `done`, left by its caller, or with one of these errors. Anything else is a fault of ours. */
export const expectedEnds: ReadonlySet<string> = new Set([
  'done',
  'left',
  'E_CANCELLED',
  'E_DEADLINE_EXCEEDED',
  'E_OVERLOADED',
  'E_ENGINE_CRASHED',
  'E_ENGINE_UNAVAILABLE',
]);
