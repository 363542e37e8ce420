import { MillraceError } from '../errors.ts';
import type { AskOptions } from '../spec/answers.ts';
import type { MetadataFilter } from '../spec/identifiers.ts';
import { type Pipeline, usualConfidence } from '../spec/pipeline.ts';
import type { Stage, Stages } from '../spec/stages.ts';
import { hashOf } from '../util/hash.ts';
import { nearestNames } from '../util/nearest-names.ts';
import type { RerankSection } from './rerank.ts';
import { promptFamilies, type PromptFamily } from './prompt.ts';

/** Defaults of a question. `contextTokens` is what is read at least: what a 1.5B model reads in about 8 s on two cores. */
export const queryDefaults = {
  collection: 'default',
  limit: 10,
  askLimit: 6,
  depth: 100,
  searchDepth: 200,
  maxTokens: 200,
  contextTokens: 320,
  contextMode: 'each',
  eachPassages: 3,
} as const;

/** A pipeline with its defaults filled in: what the stages read. */
export interface ResolvedPipeline {
  readonly name: string;
  /** sha256 over everything but the name: equal hash, equal pipeline. Models stand in it by name, not by their weights. */
  readonly hash: string;
  readonly retrieve: RetrieveSection;
  readonly rerank: RerankSection;
  readonly context: {
    readonly mode: 'joined' | 'each';
    /** Undefined, as `atOnce`: by the pace of the machine, when it is known (`choose-context.ts`). */
    readonly tokens: number | undefined;
    readonly order: 'rank' | 'document';
    readonly passages: number;
    readonly atOnce: number | undefined;
  };
  /** TypeScript stages in the place of ours, by what they do. */
  readonly stages: { readonly [K in Stage['kind']]?: StageReference };
  readonly generate: {
    readonly by: 'model' | 'quotes';
    /** Undefined: that of the open directory. */
    readonly model: string | undefined;
    readonly maxTokens: number;
    readonly temperature: number;
    readonly seed: number;
    /** Undefined: that of the model's family. */
    readonly prompt: PromptFamily | undefined;
  };
  readonly verify: {
    readonly by: 'none' | 'rules' | 'model';
    /** Absent where it is the usual one, so that hashes stay what they were. */
    readonly leastConfidence?: number;
  };
}

export interface RetrieveSection {
  readonly collection: string;
  readonly mode: 'hybrid' | 'text' | 'vector';
  readonly limit: number;
  readonly filter: MetadataFilter | undefined;
  readonly weights: { readonly text: number; readonly vector: number };
  readonly depth: number;
  /** Whether the best hits tell further words to search for. */
  readonly feedback: boolean;
  readonly perDocument: number | undefined;
  /** Chunks before and after a hit that are read with it. */
  readonly neighbours: number;
  /** Whether the section that a hit belongs to is read with it; absent where it is not, so that hashes stay what they were. */
  readonly section?: boolean;
}

/** A stage by its name and the version that is registered. */
export interface StageReference {
  readonly name: string;
  readonly version: string;
}

/** What a call or the open directory sets where the pipeline says nothing. */
export interface PipelineDefaults {
  readonly collection?: string | undefined;
  readonly contextTokens?: number | undefined;
  readonly contextMode?: 'joined' | 'each' | undefined;
  readonly maxTokens?: number | undefined;
  /** Registered at `open`. */
  readonly stages?: Stages | undefined;
}

/** Fields that are part of the interface and not of this version; a stage that learns one takes its line away. */
const planned: readonly (readonly [path: string, isAsked: (pipeline: Pipeline) => boolean])[] = [
  ['generate.prompt', ({ generate }) => generate?.prompt !== undefined && !promptFamilies.some((family) => family === generate.prompt)],
  ['rerank.budgetMs', ({ rerank }) => rerank?.budgetMs !== undefined && rerank.by !== 'auto'],
  ['cite.by', ({ cite }) => (cite?.by ?? 'sentence') !== 'sentence'],
];

/** @throws MillraceError E_PIPELINE_INVALID where it asks for what this version cannot do: nothing is ignored */
export function resolvePipeline(pipeline: Pipeline, defaults: PipelineDefaults = {}): ResolvedPipeline {
  for (const [path, isAsked] of planned) {
    if (!isAsked(pipeline)) continue;
    throw new MillraceError('E_PIPELINE_INVALID', `The pipeline sets "${path}" to what this version cannot do.`, {
      remedy: 'Leave it out, or give it its default.',
      details: { path },
    });
  }
  const { retrieve = {}, rerank = {}, context = {}, generate = {}, verify = {} } = pipeline;
  if (generate.stage !== undefined) refuseBesideStage(pipeline);
  if (retrieve.section === true) refuseBesideSection(pipeline);
  if (verify.leastConfidence !== undefined && (verify.by === 'none' || generate.stage !== undefined)) refuseUnverified();
  const limit = retrieve.limit ?? queryDefaults.askLimit;
  const resolved = {
    retrieve: {
      collection: retrieve.collection ?? defaults.collection ?? queryDefaults.collection,
      mode: retrieve.mode ?? 'hybrid',
      limit,
      filter: retrieve.filter,
      weights: { text: retrieve.weights?.text ?? 1, vector: retrieve.weights?.vector ?? 1 },
      depth: Math.max(limit, retrieve.depth ?? queryDefaults.depth),
      feedback: retrieve.feedback ?? false,
      perDocument: retrieve.perDocument,
      neighbours: retrieve.neighbours ?? 0,
      ...(retrieve.section === true ? { section: true } : {}),
    },
    stages: stagesOf(pipeline, defaults.stages ?? {}),
    rerank: {
      by: rerank.by ?? 'none',
      model: rerank.model,
      limit: rerank.limit,
      ...(rerank.budgetMs === undefined ? {} : { budgetMs: rerank.budgetMs }),
    },
    context: {
      mode: context.mode ?? (generate.stage === undefined ? (defaults.contextMode ?? queryDefaults.contextMode) : 'joined'),
      tokens: context.tokens ?? defaults.contextTokens,
      order: context.order ?? 'rank',
      passages: context.passages ?? queryDefaults.eachPassages,
      atOnce: context.atOnce,
    },
    generate: {
      by: generate.by ?? 'model',
      model: generate.model,
      maxTokens: generate.maxTokens ?? defaults.maxTokens ?? queryDefaults.maxTokens,
      temperature: generate.temperature ?? 0,
      seed: generate.seed ?? 0,
      prompt: promptFamilies.find((family) => family === generate.prompt),
    },
    verify: {
      by: verify.by ?? (generate.stage === undefined ? 'rules' : 'none'),
      ...(verify.leastConfidence === undefined || verify.leastConfidence === usualConfidence
        ? {}
        : { leastConfidence: verify.leastConfidence }),
    },
  } as const;
  const hash = hashOf(resolved);
  return { name: pipeline.name ?? hash.slice(0, 8), hash, ...resolved };
}

/** A stage that writes the answer gets all passages at once, and tells no likelihoods to verify by. */
function refuseBesideStage({ verify, context }: Pipeline): void {
  const path = (verify?.by ?? 'none') !== 'none' ? 'verify.by' : context?.mode === 'each' ? 'context.mode' : undefined;
  if (path === undefined) return;
  throw new MillraceError('E_PIPELINE_INVALID', `The pipeline sets "${path}", which says nothing beside "generate.stage".`, {
    remedy: 'Leave one of the two out: a stage gets all passages together, and its sentences are checked for sources only.',
    details: { path },
  });
}

function refuseUnverified(): never {
  throw new MillraceError('E_PIPELINE_INVALID', 'The pipeline sets "verify.leastConfidence", and its answers are not verified.', {
    remedy: 'Leave it out, or verify by "rules" or "model": only then is there a confidence.',
    details: { path: 'verify.leastConfidence' },
  });
}

/** Sections are what a model reads, and take the place of neighbours. */
function refuseBesideSection({ retrieve, generate }: Pipeline): void {
  const path =
    (retrieve?.neighbours ?? 0) > 0
      ? 'retrieve.neighbours'
      : generate?.by === 'quotes'
        ? 'generate.by'
        : generate?.stage === undefined
          ? undefined
          : 'generate.stage';
  if (path === undefined) return;
  throw new MillraceError('E_PIPELINE_INVALID', `The pipeline sets "${path}", which does not go with "retrieve.section".`, {
    remedy: 'Leave one of the two out: sections are read by the model, in the place of neighbours.',
    details: { path },
  });
}

/** @throws MillraceError E_PIPELINE_INVALID where a stage is not registered, or does something else */
function stagesOf({ retrieve, rerank, generate }: Pipeline, registered: Stages): ResolvedPipeline['stages'] {
  const named = [
    ['rewrite', 'retrieve.rewrite', retrieve?.rewrite],
    ['retrieve', 'retrieve.stage', retrieve?.stage],
    ['rerank', 'rerank.stage', rerank?.stage],
    ['generate', 'generate.stage', generate?.stage],
  ] as const;
  return Object.fromEntries(
    named.flatMap(([kind, path, name]) => {
      if (name === undefined) return [];
      const stage = Object.hasOwn(registered, name) ? registered[name] : undefined;
      if (stage?.kind === kind) return [[kind, { name, version: stage.version }]];
      const what = stage === undefined ? 'which is not registered' : `which is of kind "${stage.kind}"`;
      const fitting = Object.keys(registered).filter((one) => registered[one]?.kind === kind);
      const near = nearestNames(name, fitting);
      throw new MillraceError('E_PIPELINE_INVALID', `The pipeline sets "${path}" to the stage "${name}", ${what}.`, {
        remedy:
          near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Register it: open({ stages: { '${name}': { kind: '${kind}', … } } }).`,
        details: { path, nearest: near },
      });
    }),
  );
}

/** The pipeline of a question: its option `pipeline`, with the question's own options over it and `defaults` under it. */
export function pipelineOf(options: AskOptions, defaults: PipelineDefaults = {}): ResolvedPipeline {
  const { pipeline = {}, collection, mode, limit, filter, perDocument, feedback, quotesOnly } = options;
  const { contextTokens, contextMode, maxTokens, temperature, seed } = options;
  return resolvePipeline(
    {
      ...pipeline,
      retrieve: { ...pipeline.retrieve, ...given({ collection, mode, limit, filter, perDocument, feedback }) },
      context: { ...pipeline.context, ...given({ tokens: contextTokens, mode: contextMode }) },
      generate: {
        ...pipeline.generate,
        ...given({ maxTokens, temperature, seed, by: quotesOnly === true ? ('quotes' as const) : undefined }),
      },
    },
    defaults,
  );
}

/** Without the members that are undefined. */
function given<Values extends Readonly<Record<string, unknown>>>(values: Values): { [Name in keyof Values]?: NonNullable<Values[Name]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
