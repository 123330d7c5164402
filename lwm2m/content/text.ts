import { canonicalInteger, exactInt64, MAX_INT64, MAX_UINT64, MIN_INT64 } from './integers.ts';
import type { ObjectLink, ResourceType, ResourceValue } from './node.ts';
import { wholeSeconds } from './tlv-values.ts';
import { readUtf8, writeUtf8 } from './utf8.ts';
import { contentFault, type ValueSite } from './value-site.ts';

/*
 * The plain text form of one value: INTEGER and TIME (seconds) in decimal digits, FLOAT as a decimal fraction, BOOLEAN
 * "0" or "1", OBJLNK "object:instance", OPAQUE in base64, STRING as it is.
 */
const INTEGER = /^-?[0-9]{1,20}$/;
const FLOAT = /^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$/;
const OBJECT_LINK = /^([0-9]{1,5}):([0-9]{1,5})$/;

/** Longer texts are no numbers: the largest double written out has 309 digits. */
const MAX_NUMBER_CHARS = 400;

/** Throws LWM2M_CONTENT. No blanks, no "+", no empty number: what is not in the form is refused. */
export function readTextValue(
  type: ResourceType,
  unsigned: boolean,
  bytes: Uint8Array,
  site: ValueSite,
): ResourceValue {
  const text = readUtf8(bytes) ?? refuse(site, 'text is not UTF-8');
  switch (type) {
    case 'INTEGER':
      return { type, value: readInteger(text, unsigned, type, site) };
    case 'FLOAT':
      return { type, value: parseDecimal(text) ?? refuse(site, 'text is not a FLOAT') };
    case 'STRING':
      return { type, value: text };
    case 'BOOLEAN':
      return { type, value: readBoolean(text, site) };
    case 'OPAQUE':
      return { type, value: readBase64(text, site) };
    case 'TIME':
      return { type, value: readTime(text, site) };
    case 'OBJLNK':
      return { type, value: readObjectLink(text, site) };
  }
}

function refuse(site: ValueSite, what: string): never {
  throw contentFault(site, what);
}

/** A finite decimal number, strictly: undefined for "", " 1", "0x10", "NaN", "1e999". */
export function parseDecimal(text: string): number | undefined {
  if (text.length > MAX_NUMBER_CHARS || !FLOAT.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function readInteger(text: string, unsigned: boolean, type: ResourceType, site: ValueSite): number | bigint {
  if (!INTEGER.test(text)) refuse(site, `text is not an ${type}`);
  const value = BigInt(text);
  const [least, most] = unsigned ? [0n, MAX_UINT64] : [MIN_INT64, MAX_INT64];
  if (value < least || value > most) refuse(site, `${type} does not fit 64 bits`);
  return canonicalInteger(value);
}

function readBoolean(text: string, site: ValueSite): boolean {
  if (text !== '0' && text !== '1') refuse(site, 'text is neither 0 nor 1');
  return text === '1';
}

function readBase64(text: string, site: ValueSite): Buffer {
  const bytes = Buffer.from(text, 'base64');
  // Node skips what is not base64; only the exact form comes back the same.
  return bytes.toString('base64') === text ? bytes : refuse(site, 'text is not base64');
}

function readTime(text: string, site: ValueSite): number {
  const milliseconds = Number(readInteger(text, false, 'TIME', site)) * 1000;
  return Number.isSafeInteger(milliseconds) ? milliseconds : refuse(site, 'TIME is out of range');
}

function readObjectLink(text: string, site: ValueSite): ObjectLink {
  const ids = OBJECT_LINK.exec(text) ?? refuse(site, 'text is not object:instance');
  const [objectId, instanceId] = [Number(ids[1]), Number(ids[2])];
  if (objectId > 0xffff || instanceId > 0xffff) refuse(site, 'OBJLNK ids go from 0 to 65535');
  return { objectId, instanceId };
}

/** TIME is cut to whole seconds. Throws LWM2M_CONTENT for a value its type, or text, cannot hold (NaN). */
export function writeTextValue(value: ResourceValue, site: ValueSite): Buffer {
  switch (value.type) {
    case 'INTEGER':
      return Buffer.from(String(exactInt64(value.value) ?? refuse(site, 'INTEGER is not a whole number of 64 bits')));
    case 'FLOAT':
      return Buffer.from(formatDecimal(value.value) ?? refuse(site, 'FLOAT is not finite'));
    case 'STRING':
      return writeUtf8(value.value) ?? refuse(site, 'STRING has half a surrogate pair');
    case 'BOOLEAN':
      return Buffer.from(value.value ? '1' : '0');
    case 'OPAQUE':
      return Buffer.from(bytesOf(value.value).toString('base64'));
    case 'TIME':
      return Buffer.from(String(wholeSeconds(value.value, site)));
    case 'OBJLNK':
      return writeObjectLink(value.value, site);
  }
}

function bytesOf(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function writeObjectLink({ objectId, instanceId }: ObjectLink, site: ValueSite): Buffer {
  const fits = [objectId, instanceId].every((id) => Number.isInteger(id) && id >= 0 && id <= 0xffff);
  return fits ? Buffer.from(`${objectId}:${instanceId}`) : refuse(site, 'OBJLNK ids go from 0 to 65535');
}

/** The shortest digits that read back as the same double, never with an exponent; undefined when it is not finite. */
export function formatDecimal(value: number): string | undefined {
  if (!Number.isFinite(value)) return undefined;
  if (Object.is(value, -0)) return '-0';
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const point = whole.length + Number(exponent); // where the decimal point falls among the digits
  const digits = whole + fraction;
  return sign + (point <= 0 ? `0.${'0'.repeat(-point)}${digits}` : digits.padEnd(point, '0'));
}
