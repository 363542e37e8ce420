import { toMillraceError } from '../../../errors.ts';
import type { Clock } from '../../../util/clock.ts';
import type { EncoderContext } from './encoder-context.ts';
import type { GeneratorContext } from './generator-context.ts';
import { type FigureName, type StepKind, stepFigure } from './messages.ts';
import { byClaim, chooseKind } from './plan.ts';

export interface LoopOptions {
  readonly clock: Clock;
  readonly generators: () => readonly GeneratorContext[];
  readonly encoders: () => readonly EncoderContext[];
  /** Applies the commands that came since the last step. */
  readonly take: () => void;
  /** Passes on the events of the step. */
  readonly report: () => void;
  readonly count: (figure: FigureName, amount: number) => void;
}

/** Time counts for the balance of decode and encode steps for about this long. */
const recentMs = 2000;

/**
 * The loop of a device. It runs while there is work and returns when there is none; between two steps it takes commands, so a
 * cancelled request stops costing within one step.
 */
export function createLoop({ clock, generators, encoders, take, report, count }: LoopOptions): { run(): void } {
  const recent = { decode: 0, encode: 0 };
  const lastServed = new Map<GeneratorContext | EncoderContext, number>();
  let served = 0;

  function decodeStep(context: GeneratorContext): void {
    const chunks = context.plan();
    if (chunks.length === 0) return;
    timed('decode', () => context.decode(chunks));
    const samples = timed('decode', () => context.sample(chunks));
    context.settle(samples);
  }

  function encodeStep(context: EncoderContext): void {
    const items = context.plan();
    timed('encode', () => context.encode(items));
    context.settle(items);
  }

  function timed<Result>(kind: StepKind, call: () => Result): Result {
    const startedAt = clock.monotonic();
    try {
      return call();
    } finally {
      const elapsedMs = clock.monotonic() - startedAt;
      count('nativeMs', elapsedMs);
      const kept = Math.exp(-elapsedMs / recentMs);
      recent.decode *= kept;
      recent.encode *= kept;
      recent[kind] += elapsedMs;
    }
  }

  function attempt<Context extends GeneratorContext | EncoderContext>(
    kind: StepKind,
    context: Context,
    step: (context: Context) => void,
  ): void {
    lastServed.set(context, ++served);
    const startedAt = clock.monotonic();
    try {
      step(context);
    } catch (error) {
      context.fail(toMillraceError(error, 'E_ENGINE_FAILED'));
    }
    count('steps', 1);
    count(stepFigure(kind, clock.monotonic() - startedAt), 1);
  }

  return {
    run() {
      let startedAt = clock.monotonic();
      for (;;) {
        take();
        const generator = strongest(generators(), lastServed);
        const encoder = strongest(encoders(), lastServed);
        const kind = chooseKind(
          { class: generator?.claim(), recentMs: recent.decode },
          { class: encoder?.claim(), recentMs: recent.encode },
        );
        if (kind === 'decode') attempt(kind, generator!, decodeStep);
        if (kind === 'encode') attempt(kind, encoder!, encodeStep);
        const now = clock.monotonic();
        // Counted before the report, so that whoever has an event of the step finds the step in the figures.
        if (kind !== undefined) count('busyMs', now - startedAt);
        startedAt = now;
        report();
        if (kind === undefined) return;
      }
    },
  };
}

/** Of several contexts of a kind the one with the strongest class; those of one class take turns. */
function strongest<Context extends GeneratorContext | EncoderContext>(
  contexts: readonly Context[],
  lastServed: ReadonlyMap<GeneratorContext | EncoderContext, number>,
): Context | undefined {
  const claims = contexts.flatMap((context) => {
    const claim = context.claim();
    return claim === undefined ? [] : [{ context, class: claim, arrival: lastServed.get(context) ?? 0 }];
  });
  return claims.sort(byClaim)[0]?.context;
}
