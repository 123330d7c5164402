import { PlatformError } from '../../common/errors.ts';
import type { Position } from './statement.ts';

export type Token =
  /** Names between dots; backticks take what is no plain name. */
  | { readonly kind: 'name'; readonly segments: readonly string[]; readonly plain: boolean; readonly offset: number }
  | { readonly kind: 'string'; readonly value: string; readonly offset: number }
  | { readonly kind: 'mark'; readonly mark: string; readonly offset: number }
  | { readonly kind: 'end'; readonly offset: number };

/** Longest text that is read at all, in UTF-16 code units. */
export const KCQL_LIMIT = 65_536;

const MARKS = new Set(['(', ')', ',', ';', '=', '*']);
const BLANK = /\s/;

/** Errors: KCQL_INVALID, with line and column. */
export function tokensOf(text: string): readonly Token[] {
  if (text.length > KCQL_LIMIT)
    throw invalid(text.slice(0, 1), 0, `at most ${KCQL_LIMIT} characters`, `${text.length} of them`);
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at]!;
    if (BLANK.test(character)) at++;
    else if (text.startsWith('--', at)) at = endOfLine(text, at);
    else if (MARKS.has(character)) tokens.push({ kind: 'mark', mark: character, offset: at++ });
    else if (character === "'" || character === '"') {
      const { value, end } = quotedText(text, at);
      tokens.push({ kind: 'string', value, offset: at });
      at = end;
    } else {
      const { token, end } = name(text, at);
      tokens.push(token);
      at = end;
    }
  }
  tokens.push({ kind: 'end', offset: text.length });
  return tokens;
}

/** The error for a place in the text. */
export function invalid(text: string, offset: number, expected: string, found: string): PlatformError {
  const at = positionOf(text, offset);
  return new PlatformError(
    'KCQL_INVALID',
    `line ${at.line}, column ${at.column}: expected ${expected}, found ${found}`,
    { details: { ...at, expected } },
  );
}

export function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

/** A quote within is written twice. */
function quotedText(text: string, start: number): { readonly value: string; readonly end: number } {
  const quote = text[start]!;
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== quote) value += text[at];
    else if (text[at + 1] === quote) {
      value += quote;
      at++;
    } else return { value, end: at + 1 };
  }
  throw invalid(text, start, `a closing ${quote}`, 'the end of the text');
}

/** `$` and braces belong to names, for targets with a date. */
function name(text: string, start: number): { readonly token: Token; readonly end: number } {
  const segments: string[] = [];
  let segment = '';
  let begun = false;
  let plain = true;
  let at = start;
  for (; at < text.length; at++) {
    const character = text[at]!;
    if (character === '`') {
      const { value, end } = quotedText(text, at);
      segment += value;
      begun = true;
      plain = false;
      at = end - 1;
    } else if (character === '.') {
      if (!begun) throw invalid(text, at, 'a name', '"."');
      segments.push(segment);
      segment = '';
      begun = false;
    } else if (BLANK.test(character) || MARKS.has(character) || character === "'" || character === '"') break;
    else {
      segment += character;
      begun = true;
    }
  }
  if (!begun) throw invalid(text, at, 'a name after "."', at < text.length ? JSON.stringify(text[at]) : 'the end');
  segments.push(segment);
  return { token: { kind: 'name', segments, plain, offset: start }, end: at };
}
