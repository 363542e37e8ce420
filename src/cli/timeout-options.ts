import type { Command } from 'commander';
import type { Timeouts } from '../spec/answers.ts';
import { numberOption } from './number-option.ts';
import type { Given } from './session.ts';

const seconds = numberOption({ least: 0.001, most: 1e6, whole: false });

/** Limits of the parts of one answer. @param what that ends past them, as `a question` */
export function withTimeoutOptions(command: Command, what: string): Command {
  return command
    .option('--first-token-timeout <seconds>', `give up ${what} whose answer has not begun after this time`, seconds)
    .option('--token-timeout <seconds>', `give up ${what} whose answer stands still for this time`, seconds);
}

export function timeoutsOf({ firstTokenTimeout, tokenTimeout }: Given['options']): Timeouts | undefined {
  if (firstTokenTimeout === undefined && tokenTimeout === undefined) return undefined;
  return {
    ...(firstTokenTimeout === undefined ? {} : { firstTokenMs: firstTokenTimeout * 1_000 }),
    ...(tokenTimeout === undefined ? {} : { betweenTokensMs: tokenTimeout * 1_000 }),
  };
}
