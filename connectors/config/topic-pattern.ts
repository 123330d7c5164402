import { PlatformError } from '../../common/errors.ts';

/** Longest expression, in characters, and the most steps that it may come to once its counted repetitions are written out. */
export const PATTERN_CHARACTERS = 1_000;
export const PATTERN_STEPS = 2_000;

/** Characters that are meant, by their ASCII code; names of topics have no others. */
type Characters = Uint8Array;
const CODES = 128;

type Node =
  | { readonly kind: 'one'; readonly of: Characters }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly Node[] }
  | { readonly kind: 'repeat'; readonly item: Node; readonly least: number; readonly most: number };

/** `fork` goes on at two places, `start` and `end` only at that end of the text. */
type Step =
  | { readonly op: 'one'; readonly of: Characters }
  | { op: 'fork'; to: number; or: number }
  | { op: 'jump'; to: number }
  | { readonly op: 'start' | 'end' | 'match' };

/**
 * A regular expression over names of topics, all of the name, as `topics.regex` of Kafka Connect has it. It follows all ways through the
 * expression at once, so its time is bounded by steps × characters whatever the expression; in return nothing is known that is not
 * regular: no references back, no looking around.
 */
export class TopicPattern {
  readonly text: string;
  readonly #steps: readonly Step[];
  /** The position at which a step was last entered. */
  readonly #entered: Int32Array;

  /** Errors: CONFIG_INVALID with the column. */
  constructor(text: string) {
    if (text.length > PATTERN_CHARACTERS)
      throw new PlatformError('CONFIG_INVALID', `an expression has at most ${PATTERN_CHARACTERS} characters`);
    this.text = text;
    this.#steps = stepsOf(new Parser(text).parse());
    this.#entered = new Int32Array(this.#steps.length);
  }

  matches(name: string): boolean {
    let now: number[] = [];
    this.#entered.fill(-1);
    this.#enter(0, 0, name.length, now);
    for (let at = 0; at < name.length && now.length > 0; at++) {
      const code = name.charCodeAt(at);
      const next: number[] = [];
      for (const index of now) {
        const step = this.#steps[index]!;
        if (step.op === 'one' && code < CODES && step.of[code] === 1) this.#enter(index + 1, at + 1, name.length, next);
      }
      now = next;
    }
    return now.some((index) => this.#steps[index]!.op === 'match');
  }

  toString(): string {
    return this.text;
  }

  /** Adds the steps that are reached from one without taking a character. */
  #enter(first: number, at: number, length: number, to: number[]): void {
    const open = [first];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (this.#entered[index] === at) continue;
      this.#entered[index] = at;
      const step = this.#steps[index]!;
      if (step.op === 'fork') open.push(step.to, step.or);
      else if (step.op === 'jump') open.push(step.to);
      else if (step.op === 'start' || step.op === 'end') {
        if (at === (step.op === 'start' ? 0 : length)) open.push(index + 1);
      } else if (step.op === 'one' || at === length) to.push(index);
    }
  }
}

function stepsOf(root: Node): readonly Step[] {
  const steps: Step[] = [];
  const refuseMore = () => {
    throw new PlatformError('CONFIG_INVALID', `its repetitions come to more than ${PATTERN_STEPS} steps`);
  };
  const add = <T extends Step>(step: T): T => {
    if (steps.length === PATTERN_STEPS) refuseMore();
    steps.push(step);
    return step;
  };
  // Empty groups are no step, but may be repeated too.
  let written = 0;
  const fork = () => add({ op: 'fork' as const, to: steps.length + 1, or: 0 });
  const write = (node: Node): void => {
    if (++written > 4 * PATTERN_STEPS) refuseMore();
    switch (node.kind) {
      case 'one':
        add({ op: 'one', of: node.of });
        break;
      case 'start':
      case 'end':
        add({ op: node.kind });
        break;
      case 'sequence':
        node.items.forEach(write);
        break;
      case 'choice': {
        const ends = node.items.slice(0, -1).map((item) => {
          const choice = fork();
          write(item);
          const end = add({ op: 'jump' as const, to: 0 });
          choice.or = steps.length;
          return end;
        });
        write(node.items.at(-1)!);
        for (const end of ends) end.to = steps.length;
        break;
      }
      case 'repeat': {
        for (let count = 0; count < node.least; count++) write(node.item);
        if (node.most === Number.POSITIVE_INFINITY) {
          const start = steps.length;
          const loop = fork();
          write(node.item);
          add({ op: 'jump', to: start });
          loop.or = steps.length;
        } else {
          const forks = Array.from({ length: node.most - node.least }, () => {
            const one = fork();
            write(node.item);
            return one;
          });
          for (const one of forks) one.or = steps.length;
        }
      }
    }
  };
  write(root);
  add({ op: 'match' });
  return steps;
}

function charactersWhere(isMeant: (character: string) => boolean): Characters {
  return Uint8Array.from({ length: CODES }, (_, code) => (isMeant(String.fromCharCode(code)) ? 1 : 0));
}

const KINDS: Readonly<Record<string, Characters>> = {
  d: charactersWhere((one) => /\d/.test(one)),
  D: charactersWhere((one) => /\D/.test(one)),
  w: charactersWhere((one) => /\w/.test(one)),
  W: charactersWhere((one) => /\W/.test(one)),
};
const ANY = charactersWhere((one) => one !== '\n' && one !== '\r');
const SPECIAL = new Set(['*', '+', '?', '{', '}', ')', ']', '|']);

/** Recursive descent; an expression is no deeper than it is long. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw this.#fault('an end or another part');
    return node;
  }

  #choice(): Node {
    const items = [this.#sequence()];
    while (this.#skip('|')) items.push(this.#sequence());
    return items.length === 1 ? items[0]! : { kind: 'choice', items };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#next)) items.push(this.#repeated());
    return { kind: 'sequence', items };
  }

  #repeated(): Node {
    const item = this.#atom();
    const bounds = this.#bounds();
    if (bounds === undefined) return item;
    // As few as possible is the same set of names; possessive ones, and a repetition of a repetition, are not.
    this.#skip('?');
    if ('*+?{'.includes(this.#next || ' ')) throw this.#fault('no second repetition');
    return { kind: 'repeat', item, ...bounds };
  }

  #bounds(): { readonly least: number; readonly most: number } | undefined {
    const most = Number.POSITIVE_INFINITY;
    if (this.#skip('*')) return { least: 0, most };
    if (this.#skip('+')) return { least: 1, most };
    if (this.#skip('?')) return { least: 0, most: 1 };
    if (this.#next !== '{') return undefined;
    const found = /^\{(\d{1,4})(,?)(\d{0,4})\}/.exec(this.#text.slice(this.#at));
    const least = Number(found?.[1]);
    const upper = found?.[2] === '' ? least : found?.[3] === '' ? most : Number(found?.[3]);
    if (found === null || (found[2] === '' && found[3] !== '') || upper < least)
      throw this.#fault('a number of times as {2}, {2,} or {2,5}');
    this.#at += found[0].length;
    return { least, most: upper };
  }

  #atom(): Node {
    const character = this.#next;
    if (SPECIAL.has(character)) throw this.#fault('something to repeat, or a \\ before it');
    if (character === '\\') return { kind: 'one', of: this.#escaped() };
    this.#at++;
    switch (character) {
      case '.':
        return { kind: 'one', of: ANY };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '[':
        return { kind: 'one', of: this.#class() };
      case '(': {
        if (this.#next === '?' && !this.#text.startsWith('?:', this.#at)) throw this.#fault('a plain group or (?:…)');
        if (this.#skip('?')) this.#skip(':');
        const inner = this.#choice();
        if (!this.#skip(')')) throw this.#fault('a closing )');
        return inner;
      }
      default:
        return { kind: 'one', of: only(character) };
    }
  }

  /** Behind the opening bracket. */
  #class(): Characters {
    const isNegated = this.#skip('^');
    const meant = new Uint8Array(CODES);
    for (let isFirst = true; isFirst || this.#next !== ']'; isFirst = false) {
      const from = this.#classCharacter();
      if (typeof from !== 'string' || this.#next !== '-' || this.#text[this.#at + 1] === ']') {
        (typeof from === 'string' ? only(from) : from).forEach((one, code) => {
          if (one === 1) meant[code] = 1;
        });
        continue;
      }
      this.#at++;
      const to = this.#classCharacter();
      if (typeof to !== 'string' || to < from) throw this.#fault('the end of a range, not below its beginning');
      meant.fill(1, from.charCodeAt(0), Math.min(CODES, to.charCodeAt(0) + 1));
    }
    this.#at++;
    return isNegated ? meant.map((one) => 1 - one) : meant;
  }

  /** A character, or a kind of them. */
  #classCharacter(): string | Characters {
    const character = this.#next;
    if (character === '' || character === '[' || character === ']') throw this.#fault('a character of a class or ]');
    if (character !== '\\') {
      this.#at++;
      return character;
    }
    const escaped = this.#text[this.#at + 1] ?? '';
    const of = this.#escaped();
    return Object.hasOwn(KINDS, escaped) ? of : escaped;
  }

  #escaped(): Characters {
    const character = this.#text[this.#at + 1] ?? '';
    const known = Object.hasOwn(KINDS, character) ? KINDS[character] : undefined;
    if (known === undefined && (character === '' || /[A-Za-z0-9]/.test(character)))
      throw this.#fault('behind \\ one of d D w W, or what is no letter or digit');
    this.#at += 2;
    return known ?? only(character);
  }

  get #next(): string {
    return this.#text[this.#at] ?? '';
  }

  #skip(character: string): boolean {
    if (this.#next !== character) return false;
    this.#at++;
    return true;
  }

  #fault(expected: string): PlatformError {
    const found = this.#next === '' ? 'the end' : JSON.stringify(this.#next);
    return new PlatformError('CONFIG_INVALID', `column ${this.#at + 1}: expected ${expected}, found ${found}`);
  }
}

function only(character: string): Characters {
  const meant = new Uint8Array(CODES);
  const code = character.charCodeAt(0);
  if (code < CODES) meant[code] = 1;
  return meant;
}
