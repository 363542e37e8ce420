import { MillraceError } from '../../errors.ts';
import { stringRule, sharedRules } from './shared-rules.ts';
import type { SharedRule } from './shared-rules.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Keywords that say nothing about which values fit. */
const annotations = ['$schema', '$id', '$comment', 'title', 'description', 'default', 'examples'];

/** What stands beside `type`, by its value. */
const keywordsOfType: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength'],
  number: [],
  integer: [],
  boolean: [],
  null: [],
};

const knownKeywords = ['type', 'const', 'enum', 'anyOf', ...Object.values(keywordsOfType).flat()];

/** llama.cpp refuses a repetition of 2,000 and turns a longer one into an endless one without a word. */
const maxRepetition = 1_999;
/** Repetitions become native rules, one each. */
const maxRepetitions = 20_000;
const maxDepth = 40;
/** What an engine accepts. */
const maxGrammarCharacters = 32_768;

/**
 * A GBNF grammar (root rule `root`) whose sentences are JSON texts that fit a JSON schema, for constrained generation.
 *
 * Known are `type` (object, array, string, number, integer, boolean, null), `properties`, `required`, `additionalProperties: false`,
 * `items`, `minItems`, `maxItems`, `minLength`, `maxLength`, `enum`, `const` and `anyOf`; annotations are passed over. Members of an object come
 * in the order of `properties`, and no others. White space is none or a single space. Strings hold no control characters but escaped
 * line ends, tabs and the like, and no halves of surrogate pairs; numbers are finite. A string or array without an upper bound ends with
 * the token limit of the generation.
 *
 * @throws MillraceError E_SCHEMA_UNSUPPORTED with the keyword and its place for everything else
 */
export function grammarOfSchema(schema: unknown): string {
  const rules = new Map<string, string>();
  const shared = new Set<SharedRule>();
  let repetitions = 0;

  /** The name of a rule with this body; equal bodies share one. */
  function rule(kind: string, body: string): string {
    for (const [name, known] of rules) if (known === body) return name;
    const name = `${kind}-${rules.size + 1}`;
    rules.set(name, body);
    return name;
  }

  function use(name: SharedRule): string {
    shared.add(name);
    for (const needed of sharedRules[name].needs) use(needed);
    return name;
  }

  function repeat(name: string, least: number, most: number | undefined): string {
    repetitions += most ?? least;
    if (most === 0) return '';
    if (most === undefined) return least === 0 ? `${name}*` : `${name}{${least},}`;
    return `${name}{${least},${most}}`;
  }

  function valueRule(value: unknown, path: string, depth: number): string {
    const node = schemaAt(value, path, depth);
    requireKeywords(node, path, knownKeywords);
    if (node['anyOf'] !== undefined) {
      requireKeywords(node, path, ['anyOf']);
      return rule('any', choices(node['anyOf'], `${path}/anyOf`, depth).join(' | '));
    }
    const type = node['type'];
    const fixed = ['const', 'enum'].find((keyword) => Object.hasOwn(node, keyword));
    if (type === undefined && fixed === undefined) throw unsupported('type', path, 'is missing, and so are "enum", "const" and "anyOf"');
    if (type !== undefined && (typeof type !== 'string' || !Object.hasOwn(keywordsOfType, type)))
      throw unsupported('type', path, `has the value ${JSON.stringify(type)}`);
    if (fixed !== undefined) {
      requireKeywords(node, path, [fixed, 'type']);
      return rule(fixed, literals(node, fixed, path, type).join(' | '));
    }
    requireKeywords(node, path, ['type', ...(keywordsOfType[type as string] ?? [])]);
    if (type === 'object') return objectRule(node, path, depth);
    if (type === 'array') return arrayRule(node, path, depth);
    if (type === 'string') return text(node, path);
    return use(type as SharedRule);
  }

  function choices(value: unknown, path: string, depth: number): readonly string[] {
    if (!Array.isArray(value) || value.length === 0) throw unsupported('anyOf', path, 'is not a list of schemas');
    return [...new Set(value.map((choice, index) => valueRule(choice, `${path}/${index}`, depth + 1)))];
  }

  function text(node: Schema, path: string): string {
    const [least, most] = bounds(node, path, 'minLength', 'maxLength');
    if (least === 0 && most === undefined) return use('string');
    use('char');
    return rule('text', stringRule(repeat('char', least, most)));
  }

  function arrayRule(node: Schema, path: string, depth: number): string {
    if (node['items'] === undefined) throw unsupported('items', path, 'is missing');
    const [least, most] = bounds(node, path, 'minItems', 'maxItems');
    use('space');
    const empty = '"[" space "]"';
    if (most === 0) return rule('array', empty);
    const item = valueRule(node['items'], `${path}/items`, depth + 1);
    const more =
      most === 1 ? '' : ` ${repeat(rule('more', `"," space ${item}`), Math.max(0, least - 1), most === undefined ? undefined : most - 1)}`;
    const filled = `"[" space ${item}${more} space "]"`;
    return rule('array', least === 0 ? `${empty} | ${filled}` : filled);
  }

  function objectRule(node: Schema, path: string, depth: number): string {
    const members = memberRules(node, path, depth);
    use('space');
    const empty = '"{" space "}"';
    // From the last member to the first: what may follow a member, and what may come where none has come yet.
    let rest = '';
    let first: string | undefined;
    for (const { member, required } of members.toReversed()) {
      const here = rest === '' ? member : `${member} ${rest}`;
      const next = `"," space ${here}`;
      first = rule('members', required || first === undefined ? here : `${here} | ${first}`);
      rest = rule('rest', required ? next : rest === '' ? `(${next})?` : `${next} | ${rest}`);
    }
    if (first === undefined) return rule('object', empty);
    const filled = `"{" space ${first} space "}"`;
    return rule('object', members.some(({ required }) => required) ? filled : `${empty} | ${filled}`);
  }

  function memberRules(node: Schema, path: string, depth: number) {
    const { properties = {}, required = [], additionalProperties = false } = node;
    if (additionalProperties !== false) throw unsupported('additionalProperties', path, 'is not false');
    if (!isRecord(properties)) throw unsupported('properties', path, 'is not an object');
    if (!Array.isArray(required)) throw unsupported('required', path, 'is not a list of names');
    const strange = required.find((name) => typeof name !== 'string' || !Object.hasOwn(properties, name)) as unknown;
    if (strange !== undefined) throw unsupported('required', path, `names ${JSON.stringify(strange)}, which "properties" does not hold`);
    return Object.entries(properties).map(([name, value]) => ({
      member: rule('member', `${literal(name)} ":" space ${valueRule(value, `${path}/properties/${pointer(name)}`, depth + 1)}`),
      required: required.includes(name),
    }));
  }

  use('space');
  const root = valueRule(schema, '#', 0);
  if (repetitions > maxRepetitions)
    throw unsupported('maxLength', '#', `and the like add up to ${repetitions} repetitions; the limit is ${maxRepetitions}`);
  const grammar = [
    `root ::= ${root}`,
    ...[...rules].map(([name, body]) => `${name} ::= ${body}`),
    ...[...shared].map((name) => `${name} ::= ${sharedRules[name].body}`),
    '',
  ].join('\n');
  if (grammar.length > maxGrammarCharacters) {
    throw new MillraceError(
      'E_SCHEMA_UNSUPPORTED',
      `The grammar of the JSON schema has ${grammar.length} characters; the limit is ${maxGrammarCharacters}.`,
      { remedy: 'Ask for less in one schema, or split it.' },
    );
  }
  return grammar;
}

function schemaAt(value: unknown, path: string, depth: number): Schema {
  if (!isRecord(value))
    throw new MillraceError('E_SCHEMA_UNSUPPORTED', `The JSON schema at ${path} is not an object.`, { details: { path } });
  if (depth > maxDepth) {
    const message = `The JSON schema is nested more than ${maxDepth} levels deep at ${path}.`;
    throw new MillraceError('E_SCHEMA_UNSUPPORTED', message, { remedy: 'Make the schema flatter.', details: { path } });
  }
  return value;
}

function requireKeywords(node: Schema, path: string, known: readonly string[]): void {
  for (const keyword of Object.keys(node))
    if (!known.includes(keyword) && !annotations.includes(keyword))
      throw unsupported(keyword, path, 'cannot be turned into a grammar here');
}

function bounds(node: Schema, path: string, leastKeyword: string, mostKeyword: string): readonly [number, number | undefined] {
  for (const keyword of [leastKeyword, mostKeyword]) {
    const value = node[keyword];
    if (value !== undefined && !(Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxRepetition))
      throw unsupported(keyword, path, `is not a whole number from 0 to ${maxRepetition}`);
  }
  const least = (node[leastKeyword] as number | undefined) ?? 0;
  const most = node[mostKeyword] as number | undefined;
  if (most !== undefined && most < least) throw unsupported(mostKeyword, path, `is smaller than "${leastKeyword}"`);
  return [least, most];
}

function literals(node: Schema, keyword: string, path: string, type: unknown): readonly string[] {
  const values: unknown = keyword === 'const' ? [node[keyword]] : node[keyword];
  if (!Array.isArray(values)) throw unsupported(keyword, path, 'is not a list');
  const fitting = values.filter((value) => type === undefined || hasType(value, type));
  if (fitting.length === 0) throw unsupported(keyword, path, 'holds no value that fits');
  return [...new Set(fitting.map(literal))];
}

function hasType(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isRecord(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

/** A GBNF literal of the compact JSON text of a value. */
function literal(value: unknown): string {
  return `"${JSON.stringify(value ?? null).replaceAll(/["\\]/g, '\\$&')}"`;
}

function isRecord(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A name as a step of a JSON pointer (RFC 6901). */
function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function unsupported(keyword: string, path: string, what: string): MillraceError {
  return new MillraceError('E_SCHEMA_UNSUPPORTED', `The JSON schema cannot be used: at ${path}, "${keyword}" ${what}.`, {
    remedy: 'Remove or correct the named keyword.',
    details: { keyword, path },
  });
}
