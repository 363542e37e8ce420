import type { ErrorCode } from '../errors.ts';

const codes: ReadonlySet<ErrorCode> = new Set([
  'E_INPUT_INVALID',
  'E_CONTEXT_EXCEEDED',
  'E_DEADLINE_EXCEEDED',
  'E_ENGINE_CRASHED',
  'E_ENGINE_FAILED',
  'E_OVERLOADED',
  'E_WORK_TOO_LARGE',
  'E_STAGE_FAILED',
  'E_ANSWER_INVALID',
] as const);

/** Whether a failure is that of one question. Every other one (no model, no record, no room) each question would meet. */
export function isOfOneQuestion(code: ErrorCode): boolean {
  return codes.has(code);
}
