/** A child that behaves as its first argument says: for tests of how children are supervised. */

function send(message: unknown): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

/** Holds the thread without using the processor. */
function block(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

process.on('disconnect', () => process.exit(0));

switch (process.argv[2]) {
  case 'echo':
    process.on('message', (message: { readonly type?: string }) => {
      if (message.type === 'shutdown') process.exit(0);
      void send(message);
    });
    await send({ type: 'ready', environment: Object.keys(process.env) });
    break;
  case 'dies-at-start':
    process.stderr.write('first line\nthe library is missing\n', () => process.exit(7));
    break;
  case 'bursts':
    for (let number = 0; number < 500; number += 1) void send({ number });
    await send({ number: 500 });
    process.exit(0);
    break;
  case 'chatters':
    for (let line = 0; line < 4_000; line += 1) process.stderr.write(`line ${line} ${'x'.repeat(80)}\n`);
    process.stderr.write('the end\n', () => process.exit(1));
    break;
  case 'deaf':
    process.on('message', block);
    await send({ type: 'ready' });
    break;
  default:
    throw new TypeError(`There is no behaviour "${process.argv[2]}".`);
}
