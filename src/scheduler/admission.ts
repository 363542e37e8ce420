import { MillraceError } from '../errors.ts';
import type { LaneLimits, LaneName, WorkCost } from '../spec/work.ts';

/** Fills in the defaults: one item, nothing else. */
export function completeCost(cost: WorkCost): Required<WorkCost> {
  return {
    tokens: cost.tokens ?? 0,
    items: cost.items ?? 1,
    kvTokens: cost.kvTokens ?? 0,
    prefixTokens: cost.prefixTokens ?? 0,
    bytes: cost.bytes ?? 0,
  };
}

/** Throws `E_INPUT_INVALID` for limits under which nothing could ever run. */
export function checkLimits(lane: LaneName, limits: LaneLimits): void {
  const positive = { concurrency: limits.concurrency, batchItems: limits.batchItems, queuedItems: limits.queuedItems };
  for (const [name, value] of Object.entries(positive)) {
    if (!(value >= 1))
      throw new MillraceError('E_INPUT_INVALID', `The limit ${name} of lane "${lane}" is ${value}; it must be at least 1.`);
  }
  const others = { batchTokens: limits.batchTokens, kvTokens: limits.kvTokens, queuedBytes: limits.queuedBytes };
  for (const [name, value] of Object.entries(others)) {
    if (!(value >= 0))
      throw new MillraceError('E_INPUT_INVALID', `The limit ${name} of lane "${lane}" is ${value}; it must be at least 0.`);
  }
  const reserve = limits.interactiveReserve;
  if (reserve === undefined) return;
  const slotsFit = reserve.concurrency >= 0 && reserve.concurrency < limits.concurrency;
  const cellsFit = reserve.kvTokens >= 0 && reserve.kvTokens <= limits.kvTokens;
  if (!slotsFit || !cellsFit) {
    throw new MillraceError('E_INPUT_INVALID', `The interactive reserve of lane "${lane}" leaves nothing to other classes.`);
  }
}

const amounts = ['tokens', 'items', 'kvTokens', 'prefixTokens', 'bytes'] as const;

/** Why work of this cost can never be admitted to the lane, or undefined. */
export function findExcess(lane: LaneName, limits: LaneLimits, cost: Required<WorkCost>): MillraceError | undefined {
  const wrong = amounts.find((name) => !(cost[name] >= 0 && Number.isFinite(cost[name])));
  if (wrong !== undefined) {
    return new MillraceError(
      'E_INPUT_INVALID',
      `The cost ${wrong} of a piece of work is ${cost[wrong]}; it must be a number of at least 0.`,
    );
  }
  return (
    excessOf(lane, limits, 'batchItems', cost.items) ??
    excessOf(lane, limits, 'batchTokens', cost.tokens) ??
    excessOf(lane, limits, 'kvTokens', cost.kvTokens + cost.prefixTokens) ??
    excessOf(lane, limits, 'queuedBytes', cost.bytes)
  );
}

function excessOf(
  lane: LaneName,
  limits: LaneLimits,
  limit: 'batchItems' | 'batchTokens' | 'kvTokens' | 'queuedBytes',
  needs: number,
): MillraceError | undefined {
  const allows = limits[limit];
  if (needs <= allows) return undefined;
  return new MillraceError('E_WORK_TOO_LARGE', `A piece of work needs ${needs} of ${limit} in lane "${lane}", which allows ${allows}.`, {
    details: { lane, limit, needs, allows },
  });
}
