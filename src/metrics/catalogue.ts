/** One metric. Names follow Prometheus: base units, `_total` for what only grows. `docs/reference/metrics.md` is made from this table. */
export interface MetricEntry {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, only with `histogram`. */
  readonly buckets?: readonly number[];
}

/** Seconds, from below a step of the engine to a long wait in a queue. */
const waits = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export const metricCatalogue = {
  millrace_work_waiting: gauge('Pieces of work that wait in a lane.', 'lane', 'class'),
  millrace_work_running: gauge('Pieces of work that an executor holds.', 'lane'),
  millrace_work_bytes: gauge('Bytes held by waiting and running work.', 'lane'),
  millrace_work_reserved_kv_tokens: gauge('KV cells that the scheduler has reserved.', 'lane'),
  millrace_work_settled_total: counter(
    'Pieces of work by how they left: done, failed, cancelled, expired, refused.',
    'lane',
    'class',
    'outcome',
  ),
  millrace_work_retried_total: counter('Pieces of work that ran a second time after a crash.', 'lane', 'class'),
  millrace_work_wait_seconds: histogram('Time a piece of work waited before it ran.', waits, 'lane', 'class'),
  millrace_work_run_seconds: histogram('Time a piece of work ran.', waits, 'lane', 'class'),
  millrace_engine_steps_total: counter(
    'Steps of the inference loop, one native decode or encode each, by the shortest bound in seconds that they kept.',
    'kind',
    'within',
  ),
  millrace_engine_sequence_steps_total: counter('Sequences of all decode steps; divided by those steps: mean occupancy of a batch.'),
  millrace_engine_tokens_total: counter(
    'Tokens: prefill and decode were computed, reused were taken from a KV cache (of them restored from memory or disk), encoded were embedded.',
    'kind',
  ),
  millrace_engine_prefixes_total: counter('Requests with a shared beginning: hit where it was computed before, miss where not.', 'outcome'),
  millrace_engine_native_seconds_total: counter('Time inside native compute calls.'),
  millrace_engine_busy_seconds_total: counter('Time in which the inference loop had work.'),
  millrace_engine_sequences: gauge('Running generations.'),
  millrace_engine_kv_tokens: gauge('KV cells in use, cached prefixes included.'),
  millrace_engine_restarts_total: counter('Inference processes started after one had died.'),
  millrace_cache_requests_total: counter(
    'Requests to a cache of questions: hit, miss, or shared with one that was being computed.',
    'cache',
    'outcome',
  ),
  millrace_cache_bytes: gauge('Bytes that a cache of questions holds.', 'cache'),
  millrace_event_loop_delay_seconds: gauge('Delay of the main thread since the last reading.', 'quantile'),
  millrace_turn_cpu_seconds: gauge('Most processor time of the main thread in one turn since the last reading.'),
  millrace_cpu_seconds_total: counter('Processor time of this process, its threads included.', 'mode'),
  millrace_memory_bytes: gauge('Memory: resident (rss) of a process, heap and buffers of the main one.', 'process', 'kind'),
} as const satisfies Readonly<Record<string, MetricEntry>>;

export type MetricName = keyof typeof metricCatalogue;

function gauge<Labels extends readonly string[]>(help: string, ...labels: Labels) {
  return { kind: 'gauge', help, labels } as const;
}

function counter<Labels extends readonly string[]>(help: string, ...labels: Labels) {
  return { kind: 'counter', help, labels } as const;
}

function histogram<Labels extends readonly string[]>(help: string, buckets: readonly number[], ...labels: Labels) {
  return { kind: 'histogram', help, buckets, labels } as const;
}
