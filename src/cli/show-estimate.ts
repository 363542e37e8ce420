import type { Estimate } from '../spec/estimates.ts';
import { formatBytes, formatDuration, type Terminal } from './terminal.ts';

/** With fewer items a command starts at once: the sample would be most of the work. */
const leastItems = 20;

/**
 * Tells what is ahead, before it starts.
 * @returns true where nothing but the estimate was wanted
 */
export async function tellEstimate(
  terminal: Terminal,
  options: { readonly estimate?: boolean; readonly json: boolean; readonly quiet: boolean },
  items: string,
  estimate: (leastItems: number) => Promise<Estimate>,
): Promise<boolean> {
  if (options.estimate === true) {
    const made = await estimate(0);
    terminal.out(options.json ? `${JSON.stringify(made)}\n` : `${describeEstimate(made, items)}\n`);
    return true;
  }
  if (options.estimate === false || options.quiet || options.json) return false;
  const made = await estimate(leastItems);
  if (made.sampled > 0) terminal.error(`${describeEstimate(made, items)}\n`);
  return false;
}

/** One line that says what is ahead. */
export function describeEstimate(estimate: Estimate, items: string): string {
  const { unchanged, sampled, newTokens, reusedTokens, leastMs, mostMs, diskBytes } = estimate;
  const known = unchanged === 0 ? '' : ` (${estimate.unchangedIsAbout === true ? 'about ' : ''}${unchanged} unchanged)`;
  const reused = reusedTokens === 0 ? '' : ` and ${count(reusedTokens)} reused`;
  return (
    `Estimate from ${sampled} ${items}: ${estimate.items} ${items}${known}, ${count(newTokens)} tokens to compute${reused}, ` +
    `${formatDuration(leastMs)} to ${formatDuration(mostMs)}, ${formatBytes(diskBytes)} on disk.`
  );
}

function count(tokens: number): string {
  if (tokens >= 1e6) return `${(tokens / 1e6).toFixed(1)} million`;
  return tokens >= 10_000 ? `${Math.round(tokens / 1_000)} thousand` : String(Math.round(tokens));
}
