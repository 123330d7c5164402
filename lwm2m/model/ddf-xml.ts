import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { messageOf, PlatformError } from '../../common/errors.ts';

/** An element: its children by name and its attributes by "@name"; text alone is a string, several of one name an array. */
export type XmlNode = string | XmlElement | readonly XmlNode[];
export interface XmlElement {
  readonly [name: string]: XmlNode;
}

/** The largest definition in the OMA registry has 34 kB. */
export const MAX_DDF_BYTES = 2 ** 20;
const MAX_TAGS = 20_000;
const MAX_DEPTH = 10;

/** Characters of the parser's own message, which may quote the document. */
const MAX_QUOTED = 200;

const ENTITY = /&(?!(?:lt|gt|amp|apos|quot|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)/;
const NUMBERED = /&#(x?)([0-9A-Fa-f]{1,7});/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 §2.2 forbids
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

const PARSER = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: MAX_DEPTH,
});

/** Throws LWM2M_MODEL; each message says what to mend. */
export function modelFault(what: string, cause?: unknown): PlatformError {
  return new PlatformError('LWM2M_MODEL', what, cause === undefined ? {} : { cause });
}

/** The text of a file. Only UTF-8 is taken, with or without a byte order mark. Throws LWM2M_MODEL. */
export function xmlText(file: Uint8Array): string {
  if (file.length > MAX_DDF_BYTES) throw tooLarge(file.length);
  const [first, second] = file;
  if (first === 0x50 && second === 0x4b) throw modelFault('this is a zip archive: unpack it and give its XML files');
  if (first === 0x1f && second === 0x8b) throw modelFault('this is a gzip file: unpack it and give its XML file');
  const sixteen = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || file[1] === 0;
  if (sixteen || first === 0) throw modelFault('the file is UTF-16: save it as UTF-8');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(file);
  } catch (error) {
    throw modelFault('the file is not UTF-8: save it as UTF-8', error);
  }
}

function tooLarge(bytes: number): PlatformError {
  return modelFault(`${bytes} bytes are more than the ${MAX_DDF_BYTES} that a definition may have: split the file`);
}

/**
 * Reads a document that may come from anybody: no DTD, no entities but the five of XML and numbered characters, limits for size,
 * tags and depth. Throws LWM2M_MODEL.
 */
export function readXml(text: string): XmlElement {
  const xml = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (xml.length > MAX_DDF_BYTES) throw tooLarge(xml.length);
  assertEncoding(xml);
  assertPlain(xml);
  const valid = XMLValidator.validate(xml);
  if (valid !== true)
    throw modelFault(`line ${valid.err.line}: no well-formed XML: ${valid.err.msg.slice(0, MAX_QUOTED)}`);
  try {
    return PARSER.parse(xml) as XmlElement;
  } catch (error) {
    throw modelFault(`the XML cannot be read: ${messageOf(error).slice(0, MAX_QUOTED)}`, error);
  }
}

/** Bytes were read as UTF-8 before: a declaration that says otherwise means that they were misread. */
function assertEncoding(xml: string): void {
  const declared = /^<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([^"']{0,40})["']/.exec(xml)?.[1];
  if (declared === undefined || /^(utf-?8|us-ascii|ascii)$/i.test(declared)) return;
  throw modelFault(`the file says encoding=${JSON.stringify(declared)}: save it as UTF-8 and declare that`);
}

/** Walks over comments and CDATA sections, in which everything may stand, and judges what lies between them. */
function assertPlain(xml: string): void {
  if (FORBIDDEN.test(xml)) throw modelFault('the text has control characters, which XML does not allow: remove them');
  let tags = 0;
  let depth = 0;
  let from = 0;
  while (from < xml.length) {
    const marked = xml.indexOf('<!', from);
    const plain = xml.slice(from, marked < 0 ? xml.length : marked);
    const entity = ENTITY.exec(plain);
    if (entity !== null)
      throw modelFault(`line ${lineOf(xml, from + entity.index)}: an entity or a bare &: write &amp;`);
    ({ tags, depth } = countTags(plain, { tags, depth }));
    if (marked < 0) return;
    from = endOfMarked(xml, marked);
  }
}

function countTags(plain: string, { tags, depth }: { tags: number; depth: number }) {
  for (const [tag] of plain.matchAll(/<\/|<[^/?]|\/>/g)) {
    if (tag === '</' || tag === '/>') depth--;
    else {
      tags++;
      depth++;
    }
    if (tags > MAX_TAGS) throw modelFault(`more than ${MAX_TAGS} elements: split the file`);
    if (depth > MAX_DEPTH) throw modelFault(`elements stand more than ${MAX_DEPTH} deep: this is no object definition`);
  }
  return { tags, depth };
}

function endOfMarked(xml: string, at: number): number {
  const close = xml.startsWith('<!--', at) ? '-->' : xml.startsWith('<![CDATA[', at) ? ']]>' : undefined;
  if (close === undefined) {
    throw modelFault(`line ${lineOf(xml, at)}: a DOCTYPE or another declaration is refused: remove it`);
  }
  const end = xml.indexOf(close, at + 4);
  if (end < 0) throw modelFault(`line ${lineOf(xml, at)}: ${JSON.stringify(close)} is missing`);
  return end + close.length;
}

function lineOf(xml: string, at: number): number {
  return xml.slice(0, at).split('\n').length;
}

/** Characters that were written as numbers, which the parser leaves as they are beyond a few. */
export function withNumberedCharacters(text: string): string {
  return text.replace(NUMBERED, (written, hex: string, digits: string) => {
    const code = Number.parseInt(digits, hex === '' ? 10 : 16);
    const allowed = code > 0x1f && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return allowed ? String.fromCodePoint(code) : written;
  });
}
