import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { MillraceError, toMillraceError } from '../../../errors.ts';
import { systemClock } from '../../../util/clock.ts';
import { createComputeThreads } from './compute-threads.ts';
import { createEncoderContext, type EncoderContext } from './encoder-context.ts';
import { createGeneratorContext, type GeneratorContext } from './generator-context.ts';
import { openLibrary } from './library.ts';
import type { Pointer } from './layout.ts';
import { createLoop } from './loop.ts';
import {
  figureNames,
  type FigureName,
  type PrefixEvent,
  type StepMessage,
  type WorkerCommand,
  type WorkerData,
  type WorkerEvent,
} from './messages.ts';

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Entry of the compute thread: native calls and nothing else. It owns every model, context and sequence of the device. */
function startComputeThread(): void {
  const port = parentPort!;
  const data = workerData as WorkerData;
  const library = openLibrary(data.libraryDirectory);
  const threadsOf = createComputeThreads({ library, clock: systemClock, processorMs });
  const figures = new Float64Array(data.figures);
  const acknowledged = new Int32Array(data.acknowledged);
  const generators = new Map<number, GeneratorContext>();
  const encoders = new Map<number, EncoderContext>();
  let events: WorkerEvent[] = [];
  let sent = 0;

  const emit = (event: WorkerEvent): void => void events.push(event);
  const post = (event: PrefixEvent): void => port.postMessage(event);
  const count = (figure: FigureName, amount: number): void => {
    figures[figureNames.indexOf(figure)]! += amount;
  };

  function send(): void {
    if (events.length === 0) return;
    sent += 1;
    port.postMessage({ type: 'step', events } satisfies StepMessage);
    events = [];
  }

  const loop = createLoop({
    clock: systemClock,
    generators: () => [...generators.values()],
    encoders: () => [...encoders.values()],
    take() {
      for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port))
        apply(received.message as WorkerCommand);
    },
    report() {
      let active = 0;
      let cells = 0;
      for (const context of generators.values()) {
        active += context.activeSequences;
        cells += context.usedKvTokens;
      }
      figures[figureNames.indexOf('activeSequences')] = active;
      figures[figureNames.indexOf('usedKvTokens')] = cells;
      if (Atomics.load(acknowledged, 0) === sent) send();
    },
    count,
  });

  /** Loads the weights and makes a context of them; frees the weights when that fails. */
  function loadInto<Context>(
    contexts: Map<number, Context>,
    handle: number,
    path: string,
    createContext: (model: Pointer) => Context,
  ): Context {
    const model = library.modelLoad(path, library.modelDefaults());
    if (model === null) throw new MillraceError('E_MODEL_INVALID', `${path} is not a GGUF model that can be loaded, or it is cut short.`);
    try {
      const context = createContext(model);
      contexts.set(handle, context);
      return context;
    } catch (error) {
      library.modelFree(model);
      throw error;
    }
  }

  function apply(command: WorkerCommand): void {
    try {
      switch (command.type) {
        case 'load-generator': {
          const { id, handle, settings } = command;
          const create = (model: Pointer) =>
            createGeneratorContext({ library, model, settings, handle, clock: systemClock, threadsOf, emit, post, count });
          emit({ type: 'done', id, value: loadInto(generators, handle, settings.path, create).loaded });
          break;
        }
        case 'load-encoder': {
          const { id, handle, settings } = command;
          const create = (model: Pointer) => createEncoderContext({ library, model, settings, threadsOf, emit, count });
          emit({ type: 'done', id, value: loadInto(encoders, handle, settings.path, create).loaded });
          break;
        }
        case 'generate':
          contextOf(generators, command.handle).admit(command);
          break;
        case 'encode':
          contextOf(encoders, command.handle).admit(command);
          break;
        case 'cancel':
          for (const context of [...generators.values(), ...encoders.values()]) if (context.cancel(command.id)) break;
          break;
        case 'prefix-loaded':
          contextOf(generators, command.handle).prefixLoaded(command.id, command.cells);
          break;
        case 'prefix-returned':
          contextOf(generators, command.handle).prefixReturned(command.key);
          break;
        case 'forget-prefixes':
          contextOf(generators, command.handle).forgetPrefixes(command.owners);
          break;
        case 'quantise': {
          const parameters = { ...library.quantiseDefaults(), nthread: command.threads, ftype: command.fileType, allow_requantize: true };
          const status = library.quantise(command.inputPath, command.outputPath, parameters);
          if (status !== 0)
            throw new MillraceError('E_ENGINE_FAILED', `The inference library could not rewrite ${command.inputPath} (status ${status}).`);
          emit({ type: 'done', id: command.id });
          break;
        }
      }
    } catch (error) {
      if (!('id' in command) || command.type === 'cancel') throw error;
      emit({ type: 'failed', id: command.id, error: toMillraceError(error, 'E_ENGINE_FAILED').toJSON() });
    }
  }

  function contextOf<Context>(contexts: ReadonlyMap<number, Context>, handle: number): Context {
    const context = contexts.get(handle);
    if (context === undefined) throw new MillraceError('E_INTERNAL', 'The model of a request is not loaded in the engine.');
    return context;
  }

  port.on('message', (message: WorkerCommand) => {
    apply(message);
    loop.run();
    send();
  });
}

startComputeThread();
