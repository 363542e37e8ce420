/** Times that a batch waits for what may belong to it. */
const mostPauses = 10;

/**
 * Pauses until a number stands still from one pause to the next, and no longer where it never does. `isOver`: nothing is to be waited for.
 */
export async function untilQuiet(count: () => number, pause: () => Promise<void>, isOver: () => boolean): Promise<void> {
  let before = -1;
  for (let pauses = 0; pauses < mostPauses && before !== count() && !isOver(); pauses += 1) {
    before = count();
    await pause();
  }
}
