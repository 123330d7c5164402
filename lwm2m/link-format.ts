import { PlatformError } from '../common/errors.ts';

/** One link of a registration or a Discover response. Attribute values stand without quotes; null is "no value". */
export interface WebLink {
  readonly url: string;
  readonly attributes: Readonly<Record<string, string | null>>;
}

/** Characters of a link-format text; longer ones are refused. */
export const MAX_LINK_FORMAT_CHARS = 64 * 2 ** 10;
export const MAX_LINKS = 10_000;

/*
 * RFC 6690 §2, as far as LwM2M needs it:
 *
 *   links     = [ link *( "," link ) ]
 *   link      = "<" URI-Reference ">" *( ";" parmname [ "=" ( ptoken / quoted-string ) ] )
 *
 * DEVIATION: blanks and line ends around "," and ";" are skipped. The grammar has none, and devices write them.
 */
const BLANKS = /[ \t\r\n]*/y;
const URL = /[!#-;=?-[\]_a-z~]*/y; // the characters of a URI
const PARAMETER_NAME = /[!#$&+\-.^_`|~0-9A-Za-z]+\*?/y; // parmname, ext-name-star
const PTOKEN = /[!#-+\--:<-[\]-~]+/y;
const QUOTED = /(?:[^"\\\p{Cc}\p{Cs}]|\t|\\[^\p{Cc}\p{Cs}])*/uy; // qdtext and quoted-pair

/** Parses a whole text; "" holds no link. Of a repeated attribute the first counts. Throws LWM2M_LINK_FORMAT with the position. */
export function parseLinkFormat(text: string): WebLink[] {
  if (text.length > MAX_LINK_FORMAT_CHARS) throw linkFault(MAX_LINK_FORMAT_CHARS, 'the text is too long');
  const cursor: Cursor = { text, at: 0 };
  take(cursor, BLANKS);
  const links: WebLink[] = [];
  while (cursor.at < text.length || links.length > 0) {
    if (links.length === MAX_LINKS) throw linkFault(cursor.at, `more than ${MAX_LINKS} links`);
    links.push(readLink(cursor));
    if (cursor.at === text.length) break;
    expect(cursor, ',');
    take(cursor, BLANKS);
  }
  return links;
}

interface Cursor {
  readonly text: string;
  at: number;
}

function readLink(cursor: Cursor): WebLink {
  expect(cursor, '<');
  const url = take(cursor, URL);
  expect(cursor, '>');
  const attributes = new Map<string, string | null>();
  take(cursor, BLANKS);
  while (skip(cursor, ';')) {
    take(cursor, BLANKS);
    const name = take(cursor, PARAMETER_NAME);
    if (name === '') throw linkFault(cursor.at, 'an attribute name is missing');
    const value = skip(cursor, '=') ? readValue(cursor) : null;
    if (!attributes.has(name)) attributes.set(name, value);
    take(cursor, BLANKS);
  }
  return { url, attributes: Object.fromEntries(attributes) };
}

function readValue(cursor: Cursor): string {
  if (!skip(cursor, '"')) {
    const token = take(cursor, PTOKEN);
    if (token === '') throw linkFault(cursor.at, 'an attribute value is missing');
    return token;
  }
  const quoted = take(cursor, QUOTED);
  expect(cursor, '"');
  return quoted.replace(/\\(.)/gsu, '$1');
}

/** What the pattern matches here, possibly nothing. */
function take(cursor: Cursor, pattern: RegExp): string {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text)?.[0] ?? '';
  cursor.at += match.length;
  return match;
}

function skip(cursor: Cursor, character: string): boolean {
  if (cursor.text[cursor.at] !== character) return false;
  cursor.at += 1;
  return true;
}

function expect(cursor: Cursor, character: string): void {
  if (!skip(cursor, character)) throw linkFault(cursor.at, `${character} expected`);
}

function linkFault(position: number, what: string): PlatformError {
  return new PlatformError('LWM2M_LINK_FORMAT', `at character ${position}: ${what}`, { details: { position } });
}

/** Quoted even where a token would do: the grammar says so for title and anchor, and every LwM2M example does for rt and if. */
const ALWAYS_QUOTED: ReadonlySet<string> = new Set(['title', 'anchor', 'rt', 'if']);

/** Writes links; values are quoted where they must be. Throws LWM2M_LINK_FORMAT for what the grammar cannot carry. */
export function formatLinkFormat(links: readonly WebLink[]): string {
  return links.map(formatLink).join(',');
}

function formatLink({ url, attributes }: WebLink): string {
  if (!matchesWhole(URL, url)) throw linkFault(0, 'a url has a character that link-format cannot carry');
  const parameters = Object.entries(attributes).map(([name, value]) => formatAttribute(name, value));
  return [`<${url}>`, ...parameters].join(';');
}

function formatAttribute(name: string, value: string | null): string {
  if (!matchesWhole(PARAMETER_NAME, name)) throw linkFault(0, 'an attribute name has a character that is not allowed');
  if (value === null) return name;
  if (!ALWAYS_QUOTED.has(name) && matchesWhole(PTOKEN, value)) return `${name}=${value}`;
  const escaped = value.replace(/["\\]/g, '\\$&');
  if (!matchesWhole(QUOTED, escaped)) throw linkFault(0, `the value of ${name} has a character that is not allowed`);
  return `${name}="${escaped}"`;
}

function matchesWhole(pattern: RegExp, text: string): boolean {
  return take({ text, at: 0 }, pattern) === text && (text !== '' || pattern === URL || pattern === QUOTED);
}
