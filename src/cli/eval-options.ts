import type { Given } from './session.ts';

/** What `eval` is given besides what every command is. */
export type EvalOptions = Given['options'] & {
  readonly beir?: string;
  readonly questions?: string;
  readonly documents?: readonly string[];
  readonly split?: string;
  readonly parts?: boolean;
  readonly pool?: boolean;
  readonly pipeline?: string;
  readonly compare?: string;
  readonly report?: string;
  readonly depth?: number;
  /** Have defaults. */
  readonly concurrency: number;
  readonly seed: number;
};
