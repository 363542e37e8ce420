/**
 * A small reader of GBNF as llama.cpp describes it: literals, character classes, groups, alternatives, `* + ? {n} {n,} {n,m}`.
 * It writes random sentences of a grammar and tells whether a text is one.
 */
export interface Gbnf {
  /** @param random 0 ≤ n < 1; endless repetitions stop after a few rounds */
  sentence(random: () => number): string;
  matches(text: string): boolean;
}

type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly type: 'rule'; readonly name: string }
  | { readonly type: 'sequence'; readonly parts: readonly Node[] }
  | { readonly type: 'choice'; readonly options: readonly Node[] }
  | { readonly type: 'repeat'; readonly node: Node; readonly least: number; readonly most: number };

const endlessRounds = 4;

export function readGbnf(grammar: string): Gbnf {
  const rules = new Map<string, Node>();
  for (const line of grammar.split('\n').filter((one) => one !== '')) {
    const [, name, body] = /^([a-z0-9-]+) ::= (.*)$/.exec(line) ?? [];
    if (name === undefined || body === undefined) throw new Error(`No rule: ${line}`);
    rules.set(name, readBody(body));
  }
  const ruleOf = (name: string): Node => {
    const node = rules.get(name);
    if (node === undefined) throw new Error(`The rule ${name} is missing.`);
    return node;
  };

  function write(node: Node, random: () => number): string {
    switch (node.type) {
      case 'text':
        return node.text;
      case 'class':
        return characterOf(node, random);
      case 'rule':
        return write(ruleOf(node.name), random);
      case 'sequence':
        return node.parts.map((part) => write(part, random)).join('');
      case 'choice':
        return write(node.options[Math.floor(random() * node.options.length)]!, random);
      case 'repeat': {
        const most = Math.min(node.most, node.least + endlessRounds);
        const rounds = node.least + Math.floor(random() * (most - node.least + 1));
        return Array.from({ length: rounds }, () => write(node.node, random)).join('');
      }
    }
  }

  /** Positions after the node, of all ways it can be read at `at`. */
  function ends(node: Node, text: string, at: number): Set<number> {
    switch (node.type) {
      case 'text':
        return new Set(text.startsWith(node.text, at) ? [at + node.text.length] : []);
      case 'class': {
        const point = text.codePointAt(at);
        if (point === undefined) return new Set();
        const isIn = node.ranges.some(([from, to]) => point >= from && point <= to);
        return new Set(isIn === node.negated ? [] : [at + String.fromCodePoint(point).length]);
      }
      case 'rule':
        return ends(ruleOf(node.name), text, at);
      case 'sequence':
        return node.parts.reduce((from, part) => union([...from].map((start) => ends(part, text, start))), new Set([at]));
      case 'choice':
        return union(node.options.map((option) => ends(option, text, at)));
      case 'repeat': {
        const found = new Set<number>(node.least === 0 ? [at] : []);
        let from = new Set([at]);
        for (let round = 1; round <= node.most && from.size > 0; round += 1) {
          from = union([...from].map((start) => ends(node.node, text, start)));
          if (round < node.least) continue;
          const fresh = [...from].filter((end) => !found.has(end));
          for (const end of fresh) found.add(end);
          if (round > node.least && fresh.length === 0) break;
        }
        return found;
      }
    }
  }

  return {
    sentence: (random) => write(ruleOf('root'), random),
    matches: (text) => ends(ruleOf('root'), text, 0).has(text.length),
  };
}

function union(sets: readonly Set<number>[]): Set<number> {
  return new Set(sets.flatMap((set) => [...set]));
}

function characterOf({ negated, ranges }: Extract<Node, { type: 'class' }>, random: () => number): string {
  if (!negated) {
    const [from, to] = ranges[Math.floor(random() * ranges.length)]!;
    return String.fromCodePoint(from + Math.floor(random() * (to - from + 1)));
  }
  for (;;) {
    const point = random() < 0.9 ? Math.floor(random() * 0x250) : Math.floor(random() * 0x10f000);
    const isSurrogate = point >= 0xd800 && point <= 0xdfff;
    if (!isSurrogate && !ranges.some(([from, to]) => point >= from && point <= to)) return String.fromCodePoint(point);
  }
}

function readBody(body: string): Node {
  let at = 0;
  const space = (): void => {
    while (body[at] === ' ') at += 1;
  };

  function choice(): Node {
    const options = [sequence()];
    while (body[at] === '|') {
      at += 1;
      options.push(sequence());
    }
    return options.length === 1 ? options[0]! : { type: 'choice', options };
  }

  function sequence(): Node {
    const parts: Node[] = [];
    for (space(); at < body.length && body[at] !== '|' && body[at] !== ')'; space()) parts.push(repeated(element()));
    return { type: 'sequence', parts };
  }

  function element(): Node {
    const character = body[at];
    if (character === '"') return literal();
    if (character === '[') return characterClass();
    if (character === '(') {
      at += 1;
      const inner = choice();
      if (body[at] !== ')') throw new Error(`No end of a group at ${at}: ${body}`);
      at += 1;
      return inner;
    }
    const name = /^[a-z0-9-]+/.exec(body.slice(at))?.[0];
    if (name === undefined) throw new Error(`Nothing known at ${at}: ${body}`);
    at += name.length;
    return { type: 'rule', name };
  }

  function repeated(node: Node): Node {
    const [whole, sign, least, comma, most] = /^(?:([*+?])|\{(\d+)(,)?(\d+)?\})/.exec(body.slice(at)) ?? [];
    if (whole === undefined) return node;
    at += whole.length;
    if (sign !== undefined) return { type: 'repeat', node, least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : Number.POSITIVE_INFINITY };
    const from = Number(least);
    return {
      type: 'repeat',
      node,
      least: from,
      most: comma === undefined ? from : most === undefined ? Number.POSITIVE_INFINITY : Number(most),
    };
  }

  function point(): number {
    if (body[at] !== '\\') {
      const read = body.codePointAt(at)!;
      at += String.fromCodePoint(read).length;
      return read;
    }
    const [whole, digits, letter] = /^\\(?:x([0-9A-Fa-f]{2})|(.))/.exec(body.slice(at)) ?? [];
    at += whole?.length ?? 1;
    return digits === undefined ? (letter ?? '').codePointAt(0)! : Number.parseInt(digits, 16);
  }

  function literal(): Node {
    let text = '';
    for (at += 1; body[at] !== '"';) text += String.fromCodePoint(point());
    at += 1;
    return { type: 'text', text };
  }

  function characterClass(): Node {
    at += 1;
    const negated = body[at] === '^';
    if (negated) at += 1;
    const ranges: [number, number][] = [];
    while (body[at] !== ']') {
      const from = point();
      if (body[at] === '-' && body[at + 1] !== ']') {
        at += 1;
        ranges.push([from, point()]);
      } else ranges.push([from, from]);
    }
    at += 1;
    return { type: 'class', negated, ranges };
  }

  const node = choice();
  if (at !== body.length) throw new Error(`What stands at ${at} is not read: ${body}`);
  return node;
}
