import type { PlatformError } from '../../common/errors.ts';
import { invalid, positionOf, type Token, tokensOf } from './lexer.ts';
import {
  type FieldPath,
  nameOf,
  type Position,
  type SelectedField,
  type Statement,
  type Tag,
  TIMESTAMP_UNITS,
  type TimestampSource,
  type TimestampUnit,
} from './statement.ts';
import { parseTarget } from './target.ts';

/** Most statements in one text, and most fields or tags in one statement. */
export const STATEMENTS_LIMIT = 100;
export const FIELDS_LIMIT = 1_000;

/** Words that end a list of fields; a field of such a name stands in backticks. */
export const KEYWORDS: ReadonlySet<string> = new Set([
  ...['INSERT', 'UPSERT', 'INTO', 'SELECT', 'AS', 'FROM', 'IGNORE'],
  ...['WITHTIMESTAMP', 'TIMESTAMPUNIT', 'WITHTAG', 'PK'],
]);

const CLAUSES = ['IGNORE', 'WITHTIMESTAMP', 'TIMESTAMPUNIT', 'WITHTAG', 'PK'] as const;
type Clause = (typeof CLAUSES)[number];

/** All statements of a text, at least one. Errors: KCQL_INVALID, with line, column and what was expected there. */
export function parseKcql(text: string): readonly Statement[] {
  const parser = new Parser(text);
  const statements: Statement[] = [];
  while (parser.takeMark(';'));
  while (!parser.atEnd()) {
    if (statements.length === STATEMENTS_LIMIT) throw parser.expected(`at most ${STATEMENTS_LIMIT} statements`);
    statements.push(parser.statement());
    if (!parser.atEnd() && !parser.takeMark(';')) throw parser.expected([...parser.clausesLeft(), ';', 'the end']);
    while (parser.takeMark(';'));
  }
  if (statements.length === 0) throw parser.expected(['INSERT', 'UPSERT']);
  return statements;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #used = new Set<Clause>();

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  atEnd(): boolean {
    return this.#peek().kind === 'end';
  }

  clausesLeft(): readonly Clause[] {
    return CLAUSES.filter((clause) => !this.#used.has(clause));
  }

  /** The error for the token that comes. */
  expected(what: string | readonly string[]): PlatformError {
    const token = this.#peek();
    const wanted = typeof what === 'string' ? what : orList(what);
    return invalid(this.#text, token.offset, wanted, shown(token));
  }

  takeMark(mark: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'mark' || token.mark !== mark) return false;
    this.#next++;
    return true;
  }

  statement(): Statement {
    this.#used = new Set();
    const at = this.#position();
    const mode = this.#takeWord('INSERT') ? 'INSERT' : this.#takeWord('UPSERT') ? 'UPSERT' : undefined;
    if (mode === undefined) throw this.expected(['INSERT', 'UPSERT']);
    this.#needWord('INTO');
    const target = this.#target();
    this.#needWord('SELECT');
    const all = this.takeMark('*');
    const fields = all && !this.takeMark(',') ? [] : this.#list(() => this.#field(), 'a field');
    this.#needWord('FROM', all && fields.length === 0 ? [',', 'FROM'] : ['AS', ',', 'FROM']);
    const topic = this.#name('a topic').join('.');
    const clauses = this.#clauses();
    const statement = { mode, target, all, fields, topic, ...clauses, at } as const;
    this.#checkKey(statement);
    return statement;
  }

  #clauses() {
    let ignored: readonly FieldPath[] = [];
    let timestamp: TimestampSource | undefined;
    let timestampUnit: TimestampUnit = 'MILLISECONDS';
    let tags: readonly Tag[] = [];
    let primaryKey: readonly string[] = [];
    for (;;) {
      const clause = this.clausesLeft().find((one) => this.#takeWord(one));
      if (clause === undefined) break;
      this.#used.add(clause);
      if (clause === 'IGNORE') ignored = this.#list(() => this.#path('a field'), 'a field');
      else if (clause === 'WITHTIMESTAMP') timestamp = this.#timestamp();
      else if (clause === 'TIMESTAMPUNIT') timestampUnit = this.#unit();
      else if (clause === 'WITHTAG') tags = this.#tags();
      else primaryKey = this.#list(() => this.#name('a field').at(-1)!, 'a field');
    }
    return { ignored, ...(timestamp && { timestamp }), timestampUnit, tags, primaryKey };
  }

  #target() {
    const { offset } = this.#peek();
    const name = this.#name('a target').join('.');
    const target = parseTarget(name);
    if ('fault' in target) throw invalid(this.#text, offset + target.at, target.fault, JSON.stringify(name));
    return target;
  }

  #field(): SelectedField {
    const at = this.#position();
    const path = this.#path('a field');
    return { path, ...this.#alias(), at };
  }

  #alias(): { readonly alias?: string } {
    return this.#takeWord('AS') ? { alias: this.#name('a name').join('.') } : {};
  }

  #timestamp(): TimestampSource {
    const at = this.#position();
    const path = this.#path('a field or sys_time()');
    if (path.length === 1 && path[0]!.toLowerCase() === 'sys_time' && this.takeMark('(')) {
      if (!this.takeMark(')')) throw this.expected(')');
      return { kind: 'sysTime' };
    }
    return { kind: 'field', path, at };
  }

  #unit(): TimestampUnit {
    if (!this.takeMark('=')) throw this.expected('=');
    const unit = TIMESTAMP_UNITS.find((one) => this.#takeWord(one));
    if (unit === undefined) throw this.expected(TIMESTAMP_UNITS);
    return unit;
  }

  #tags(): readonly Tag[] {
    if (!this.takeMark('(')) throw this.expected('(');
    const tags = this.#list(() => this.#tag(), 'a field or name=constant');
    if (!this.takeMark(')')) throw this.expected([',', ')']);
    return tags;
  }

  #tag(): Tag {
    const at = this.#position();
    const path = this.#path('a field or name=constant');
    if (!this.takeMark('=')) return { kind: 'field', path, ...this.#alias(), at };
    const token = this.#peek();
    if (token.kind !== 'string')
      return { kind: 'constant', name: path.join('.'), value: this.#name('a constant').join('.') };
    this.#next++;
    return { kind: 'constant', name: path.join('.'), value: token.value };
  }

  #list<T>(one: () => T, what: string): readonly T[] {
    const items = [one()];
    while (this.takeMark(',')) {
      if (items.length === FIELDS_LIMIT) throw this.expected(`at most ${FIELDS_LIMIT} times ${what}`);
      items.push(one());
    }
    return items;
  }

  #path(what: string): FieldPath {
    return this.#name(what);
  }

  /** A keyword is no name unless in backticks: a forgotten one would else be told at a far place. */
  #name(what: string): readonly string[] {
    const token = this.#peek();
    if (token.kind !== 'name' || isKeyword(token)) throw this.expected(what);
    if (token.segments.includes('')) throw this.expected(`${what}, not an empty name`);
    this.#next++;
    return token.segments;
  }

  #needWord(word: string, expected: readonly string[] = [word]): void {
    if (!this.#takeWord(word)) throw this.expected(expected);
  }

  #takeWord(word: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'name' || !token.plain || token.segments.length !== 1) return false;
    if (token.segments[0]!.toUpperCase() !== word) return false;
    this.#next++;
    return true;
  }

  #checkKey(statement: Statement): void {
    if (statement.all) return;
    const names = new Set(statement.fields.map(nameOf));
    const missing = statement.primaryKey.find((name) => !names.has(name));
    if (missing === undefined) return;
    const { line, column } = statement.at!;
    throw this.#fault(line, column, `the PK field ${JSON.stringify(missing)} among the selected ones`);
  }

  #fault(line: number, column: number, expected: string): PlatformError {
    const offset =
      this.#text
        .split('\n')
        .slice(0, line - 1)
        .join('\n').length +
      (line > 1 ? 1 : 0) +
      column -
      1;
    return invalid(this.#text, offset, expected, 'others');
  }

  #position(): Position {
    return positionOf(this.#text, this.#peek().offset);
  }

  #peek(): Token {
    return this.#tokens[this.#next]!;
  }
}

function isKeyword(token: Token): boolean {
  return (
    token.kind === 'name' &&
    token.plain &&
    token.segments.length === 1 &&
    KEYWORDS.has(token.segments[0]!.toUpperCase())
  );
}

function orList(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

const SHOWN_CHARACTERS = 40;

function shown(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end';
    case 'mark':
      return JSON.stringify(token.mark);
    case 'string':
      return JSON.stringify(token.value.slice(0, SHOWN_CHARACTERS));
    case 'name':
      return JSON.stringify(token.segments.join('.').slice(0, SHOWN_CHARACTERS));
  }
}
