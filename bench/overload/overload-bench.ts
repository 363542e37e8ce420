import { alignColumns } from '../../src/util/align-columns.ts';
import { describeMachine } from '../machine.ts';
import { type CostFigures, measureItems } from './cost.ts';
import {
  type FairnessFigures,
  type LoadFigures,
  measureFairness,
  measureLoad,
  measureRecovery,
  type OverloadOptions,
  type RecoveryFigures,
} from './scenarios.ts';
import { engineSettings, question } from './world.ts';

export interface OverloadBenchOptions extends OverloadOptions {
  /** Items through scheduler and fake engine. */
  readonly items: number;
  /** Engine time of one answer and of one passage, ms, to which the scheduler's own time is compared. */
  readonly answerMs: number;
  readonly passageMs: number;
  /** Tables as they are ready. */
  readonly print: (text: string) => void;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface OverloadResult {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly loads: readonly LoadFigures[];
  readonly recovery: RecoveryFigures;
  readonly fairness: FairnessFigures;
  readonly scheduler: CostFigures;
  readonly schedulerAndEngine: CostFigures;
  readonly targets: readonly Target[];
}

/** A figure that must be reached. */
export interface Target {
  readonly name: string;
  readonly wanted: string;
  readonly measured: string;
  readonly reached: boolean;
}

const loads = [1, 2, 5, 10] as const;
/** Items that the scheduler alone gets: enough that its time a piece no longer changes. */
const mostItemsAlone = 200_000;

export async function runOverloadBench(options: OverloadBenchOptions): Promise<OverloadResult> {
  const { print, progress, signal } = options;
  const { clock, durationMs, deadlineMs, seed, answerMs, passageMs } = options;
  const head = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    settings: { clock, durationMs, deadlineMs, seed, ...engineSettings, ...question, answerMs, passageMs },
  };
  print(`${line(head.machine)}\n${line(head.settings)}\n\n`);

  const measured: LoadFigures[] = [];
  for (const load of loads) {
    signal.throwIfAborted();
    progress(`${load}x of what the engine can do`);
    measured.push(await measureLoad(load, options));
  }
  print(`Questions with a deadline of ${deadlineMs} ms, arriving at random\n${loadTable(measured)}\n\n`);
  signal.throwIfAborted();
  progress('half load after tenfold load');
  const recovery = await measureRecovery(options);
  print(`Half load after tenfold load (p99 in calm: ${ms(recovery.calmP99Ms)})\n${recoveryTable(recovery)}\n\n`);
  signal.throwIfAborted();
  progress('one tenant beside a flood');
  const fairness = await measureFairness(options);
  print(`A tenant that asks once a second\n${fairnessTable(fairness)}\n\n`);
  signal.throwIfAborted();
  progress('items through the scheduler alone');
  const scheduler = await measureItems(Math.min(options.items, mostItemsAlone), { engine: false, seed });
  signal.throwIfAborted();
  progress(`${options.items} items through scheduler and fake engine`);
  const schedulerAndEngine = await measureItems(options.items, { engine: true, seed });
  print(`Items through the scheduler\n${costTable(scheduler, schedulerAndEngine)}\n\n`);

  const targets = targetsOf({ loads: measured, recovery, fairness, scheduler, schedulerAndEngine }, options);
  const rows = targets.map(({ name, wanted, measured: value, reached }) => [name, wanted, value, reached ? 'yes' : 'NO']);
  print(`${alignColumns([['target', 'wanted', 'measured', 'reached'], ...rows])}\n`);
  return { ...head, loads: measured, recovery, fairness, scheduler, schedulerAndEngine, targets };
}

type Figures = Pick<OverloadResult, 'loads' | 'recovery' | 'fairness' | 'scheduler' | 'schedulerAndEngine'>;

function targetsOf(figures: Figures, { answerMs, passageMs }: OverloadBenchOptions): Target[] {
  const { recovery, fairness, scheduler, schedulerAndEngine } = figures;
  const [once, most] = [figures.loads[0], figures.loads.at(-1)];
  const kept = (most?.goodput ?? 0) / (once?.goodput ?? Number.NaN);
  const share = (engineMs: number): number => scheduler.microsecondsPerItem / 1_000 / engineMs;
  const seconds = schedulerAndEngine.elapsedMs / 1_000;
  const million = (seconds * 1e6) / schedulerAndEngine.items;
  return [
    { name: 'goodput at 10x of that at 1x', wanted: '≥ 90 %', measured: percent(kept), reached: kept >= 0.9 },
    atMost('refusal p99 at 10x', 50, most?.refusalP99Ms ?? Number.NaN),
    atMost('normal again after 10x', 10_000, recovery.normalAfterMs),
    { name: 'tenant beside a flood, p99', wanted: '≤ 3x', measured: `${fairness.ratioP99.toFixed(2)}x`, reached: fairness.ratioP99 <= 3 },
    sharing(`scheduler of answers of ${answerMs} ms`, share(answerMs)),
    sharing(`scheduler of passages of ${passageMs} ms`, share(passageMs)),
    { name: '1,000,000 items, at this pace', wanted: '≤ 60 s', measured: `${million.toFixed(1)} s`, reached: million <= 60 },
    {
      name: `memory of ${schedulerAndEngine.items} items`,
      wanted: '≤ 512 MiB',
      measured: `${schedulerAndEngine.peakMiB.toFixed(0)} MiB`,
      reached: schedulerAndEngine.peakMiB <= 512,
    },
  ];
}

function atMost(name: string, limitMs: number, measuredMs: number): Target {
  return { name, wanted: `≤ ${limitMs} ms`, measured: ms(measuredMs), reached: measuredMs <= limitMs };
}

function sharing(name: string, share: number): Target {
  return { name, wanted: '≤ 1 %', measured: percent(share), reached: share <= 0.01 };
}

function loadTable(figures: readonly LoadFigures[]): string {
  const headers = [
    'load',
    'asked',
    'answered',
    'refused',
    'expired',
    'goodput/s',
    'p50',
    'p99',
    'refusal p99',
    'retry after p50',
    'most waiting',
  ];
  const rows = figures.map((one) => [
    `${one.load}x`,
    String(one.offered),
    String(one.done),
    String(one.refused),
    String(one.expired + one.failed),
    one.goodput.toFixed(2),
    ms(one.elapsedP50Ms),
    ms(one.elapsedP99Ms),
    ms(one.refusalP99Ms),
    ms(one.retryAfterP50Ms),
    `${one.mostWaiting} (${(one.mostBytes / 1024).toFixed(0)} KiB)`,
  ]);
  return alignColumns([headers, ...rows]);
}

function recoveryTable({ windows }: RecoveryFigures): string {
  const rows = windows.slice(0, 6).map(({ fromMs, p99Ms, refused }) => [`${fromMs / 1_000} s`, ms(p99Ms), String(refused)]);
  return alignColumns([['from', 'p99', 'refused or late'], ...rows]);
}

function fairnessTable({ alone, flooded, ratioP50, ratioP99 }: FairnessFigures): string {
  return alignColumns([
    ['', 'p50', 'p99', 'refused or late'],
    ['by itself', ms(alone.p50Ms), ms(alone.p99Ms), ''],
    ['beside a flood of 10x', ms(flooded.p50Ms), ms(flooded.p99Ms), String(flooded.refused)],
    ['ratio', `${ratioP50.toFixed(2)}x`, `${ratioP99.toFixed(2)}x`, ''],
  ]);
}

function costTable(alone: CostFigures, withEngine: CostFigures): string {
  const row = (name: string, { items, elapsedMs, cpuMs, microsecondsPerItem, peakMiB }: CostFigures): string[] => [
    name,
    String(items),
    `${(elapsedMs / 1_000).toFixed(1)} s`,
    `${(cpuMs / 1_000).toFixed(1)} s`,
    `${microsecondsPerItem.toFixed(1)} µs`,
    `${peakMiB.toFixed(0)} MiB`,
  ];
  const headers = ['', 'items', 'time', 'processor', 'processor an item', 'peak memory'];
  return alignColumns([headers, row('scheduler alone', alone), row('with the fake engine', withEngine)]);
}

function line(fields: Readonly<Record<string, string | number>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · ');
}

function ms(value: number): string {
  return Number.isNaN(value) ? '' : `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.05 ? 3 : 1)} %`;
}
