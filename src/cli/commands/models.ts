import type { Command } from 'commander';
import { systemClock } from '../../util/clock.ts';
import type { Session } from '../session.ts';
import { showPull } from '../show-pull.ts';
import { formatBytes } from '../terminal.ts';

export function addModels(program: Command, session: Session): void {
  const models = program.command('models').description('List, fetch, remove and check models.');
  session.command(models, 'list', 'Show the catalogue and what is installed.', 'millrace models list').action(
    session.run(async (terminal, { options }) => {
      for (const model of await session.models().list()) {
        if (options.json) terminal.out(`${JSON.stringify(model)}\n`);
        else {
          const state = model.installed ? 'installed' : formatBytes(model.downloadBytes);
          terminal.out(`${model.id.padEnd(24)} ${model.task.padEnd(10)} ${state.padEnd(10)} ${model.licence.padEnd(12)} ${model.title}\n`);
        }
      }
      return 0;
    }),
  );
  session.command(models, 'pull <names...>', 'Fetch models.', 'millrace models pull minilm-l6 qwen2.5-coder-1.5b').action(
    session.run(async (terminal, { paths, options }) => {
      session.keeps(() => 'What was fetched is kept; repeat the command to go on.');
      for (const name of paths) {
        const show = showPull(terminal, systemClock, name, options.quiet);
        for await (const event of session.models().pull(name, { signal: terminal.signal })) {
          if (options.json) terminal.out(`${JSON.stringify(event)}\n`);
          else show(event);
        }
      }
      return 0;
    }),
  );
  session.command(models, 'remove <name>', 'Delete an installed model.', 'millrace models remove smollm2-135m').action(
    session.run(async (terminal, { argument }) => {
      const { bytes } = await session.models().remove(argument);
      terminal.out(`${formatBytes(bytes)} freed\n`);
      return 0;
    }),
  );
  session.command(models, 'verify [name]', 'Hash installed models again.', 'millrace models verify').action(
    session.run(async (terminal, { argument, options }) => {
      const checks = await session.models().verify(argument === '' ? undefined : argument, { signal: terminal.signal });
      for (const check of checks) {
        terminal.out(
          options.json
            ? `${JSON.stringify(check)}\n`
            : `${check.code ?? 'ok'}  ${check.id}${check.message === undefined ? '' : `: ${check.message}`}\n`,
        );
      }
      return checks.some(({ code }) => code !== undefined) ? 1 : 0;
    }),
  );
}
