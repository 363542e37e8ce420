import { toMillraceError } from '../../../errors.ts';
import { systemClock } from '../../../util/clock.ts';
import type { EngineCommand, EngineMessage } from '../protocol.ts';
import { createEngineServer } from './server.ts';

/** Entry of an engine child. It lives as long as its parent: it ends on `shutdown` and when the channel closes. */

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
// An exit waits for the compute thread, which may be stuck in a call of the library for ever.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

/** Resolves when the message was written, so that no more than one waits in this process. */
function send(message: EngineMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) resolve();
    else process.send!(message, undefined, undefined, () => resolve());
  });
}

try {
  const server = createEngineServer({ send, clock: systemClock, exit: (code) => process.exit(code) });
  process.on('message', (command: EngineCommand) => server.receive(command));
} catch (error) {
  await send([{ type: 'unusable', error: toMillraceError(error, 'E_ENGINE_LIBRARY').toJSON() }]);
  process.exit(1);
}
