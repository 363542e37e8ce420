import koffi, { type LibraryHandle } from 'koffi';
import { MillraceError } from '../../../errors.ts';
import type { Pointer } from './layout.ts';

/** `struct ggml_threadpool_params` of `include/ggml.h`: a mask of GGML_MAX_N_THREADS processors, then five members. */
export const threadPoolLayout = {
  cpumask: koffi.array('bool', 512),
  n_threads: 'int',
  prio: 'int32_t',
  poll: 'uint32_t',
  strict_cpu: 'bool',
  paused: 'bool',
} as const;

interface ThreadPoolParameters {
  readonly cpumask: readonly boolean[];
  readonly n_threads: number;
  readonly prio: number;
  readonly poll: number;
  readonly strict_cpu: boolean;
  readonly paused: boolean;
}

/** GGML_BACKEND_DEVICE_TYPE_CPU. */
const processorDevice = 0;
/** How long a thread without work looks for more before it sleeps, 0 to 100: enough for what the loop does between two steps. */
const pollLevel = 10;

/**
 * Compute threads that outlive a step. Without them the library starts and ends its threads in every call, which cost 2.5 % of the
 * time of one request with a 135M model on two cores. All contexts with the same number of threads share a pool: their steps never
 * overlap, and two pools would look for work on each other's cores. The pools live as long as the process.
 */
export function createThreadPools(
  ggml: LibraryHandle,
  base: LibraryHandle,
  attach: (context: Pointer, pool: Pointer, promptPool: Pointer) => void,
): (context: Pointer, threads: number) => void {
  const pools = new Map<number, Pointer>();
  let makePool: ((threads: number) => Pointer | null) | undefined;

  /** The function that makes a pool belongs to the processor's backend, which is loaded after this library. */
  function bind(): (threads: number) => Pointer | null {
    const structure = koffi.struct({ ...threadPoolLayout });
    const defaults = base.func('ggml_threadpool_params_default', structure, ['int']) as (threads: number) => ThreadPoolParameters;
    const deviceByType = ggml.func('ggml_backend_dev_by_type', 'void *', ['int']) as (type: number) => Pointer | null;
    const registryOf = base.func('ggml_backend_dev_backend_reg', 'void *', ['void *']) as (device: Pointer) => Pointer;
    const addressOf = base.func('ggml_backend_reg_get_proc_address', 'void *', ['void *', 'str']) as (
      registry: Pointer,
      name: string,
    ) => Pointer | null;
    const device = deviceByType(processorDevice);
    const address = device === null ? null : addressOf(registryOf(device), 'ggml_threadpool_new');
    // A backend without pools, as a build with OpenMP is, has threads that outlive a step anyway.
    if (address === null) return () => null;
    const create = koffi.decode(address, koffi.proto('void *', [koffi.pointer(structure)])) as (
      parameters: ThreadPoolParameters,
    ) => Pointer | null;
    return (threads) => {
      const parameters = defaults(threads);
      checkThreadPoolDefaults(parameters, threads);
      return create({ ...parameters, poll: pollLevel });
    };
  }

  return (context, threads) => {
    makePool ??= bind();
    const pool = pools.get(threads) ?? makePool(threads);
    if (pool === null) return;
    pools.set(threads, pool);
    attach(context, pool, pool);
  };
}

/** @throws MillraceError E_ENGINE_LIBRARY when the library fills other members than the layout has. */
export function checkThreadPoolDefaults(parameters: ThreadPoolParameters, threads: number): void {
  const { n_threads, prio, poll, strict_cpu, paused, cpumask } = parameters;
  if (n_threads === threads && prio === 0 && poll === 50 && !strict_cpu && !paused && !cpumask.includes(true)) return;
  throw new MillraceError('E_ENGINE_LIBRARY', 'The inference library has another layout of ggml_threadpool_params than millrace knows.');
}
