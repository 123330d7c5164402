import type { Lwm2mPath } from '../path.ts';
import { CBOR, type CborReader, cborFault, INDEFINITE, SIMPLE } from './cbor-reader.ts';
import type { CborWriter } from './cbor-writer.ts';
import { MAX_CBOR_DEPTH } from './content-limits.ts';
import { canonicalInteger } from './integers.ts';
import type { ResourceValue } from './node.ts';
import { wholeSeconds } from './tlv-values.ts';
import { type WireValue, writableFloat, writableInteger, writableLink, writableText } from './wire-value.ts';

/** Tags that a value may wear (RFC 8949 §3.4); any other one makes it unreadable. */
const TAG = { dateTime: 0, epoch: 1, bignum: 2, negativeBignum: 3, decimal: 4, selfDescribed: 55799 } as const;
const BASE64_HINTS = [21, 23]; // only say how to show bytes as text

/** A date as RFC 3339 has it. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** Beyond these a decimal fraction of 64 bits is no finite number, or nothing. */
const MAX_DECIMAL_EXPONENT = 400;

/**
 * Reads the next item as one value. Null and undefined give undefined; an item that is no value is passed over, and the
 * answer says what it is. Throws LWM2M_CONTENT for bytes that are not well-formed.
 */
export function readCborValue(reader: CborReader, depth = 0): WireValue | undefined | string {
  reader.head();
  return readCborItem(reader, depth);
}

/** The same for an item whose head was read. */
export function readCborItem(reader: CborReader, depth: number): WireValue | undefined | string {
  switch (reader.major) {
    case CBOR.unsigned:
      return { kind: 'integer', value: reader.argument };
    case CBOR.negative:
      return { kind: 'integer', value: negative(reader.argument) };
    case CBOR.bytes:
      return { kind: 'bytes', value: reader.stringBytes() };
    case CBOR.text:
      return { kind: 'text', value: reader.text() };
    case CBOR.tag:
      return readTagged(reader, depth + 1);
    case CBOR.simple:
      return readSimple(reader);
    default:
      reader.skip(depth);
      return 'an array or a map';
  }
}

function negative(argument: number | bigint): number | bigint {
  return typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER
    ? -1 - argument
    : canonicalInteger(-1n - BigInt(argument));
}

function readSimple(reader: CborReader): WireValue | undefined | string {
  switch (reader.info) {
    case SIMPLE.false:
    case SIMPLE.true:
      return { kind: 'boolean', value: reader.info === SIMPLE.true };
    case SIMPLE.null:
    case SIMPLE.undefined:
      return undefined;
    case SIMPLE.half:
    case SIMPLE.single:
    case SIMPLE.double: {
      const value = reader.float();
      return Number.isFinite(value) ? { kind: 'float', value } : 'not a finite number';
    }
    default:
      return 'a simple value';
  }
}

function readTagged(reader: CborReader, depth: number): WireValue | undefined | string {
  if (depth > MAX_CBOR_DEPTH) throw cborFault(reader.at, `nested deeper than ${MAX_CBOR_DEPTH}`);
  const tag = Number(reader.argument);
  if (tag === TAG.decimal) return readDecimal(reader, depth);
  const content = readCborValue(reader, depth);
  if (content === undefined || typeof content === 'string') return content;
  switch (tag) {
    case TAG.dateTime:
      return dateTime(content);
    case TAG.epoch:
      return content.kind === 'integer' || content.kind === 'float'
        ? { kind: 'time', value: Number(content.value) }
        : 'a time that is no number';
    case TAG.bignum:
    case TAG.negativeBignum:
      return bignum(content, tag === TAG.negativeBignum);
    case TAG.selfDescribed:
      return content;
    default:
      return tag >= BASE64_HINTS[0]! && tag <= BASE64_HINTS[1]! ? content : `an item with tag ${tag}`;
  }
}

function dateTime(content: WireValue): WireValue | string {
  if (content.kind !== 'text' || content.value.length > 40 || !DATE_TIME.test(content.value)) return 'no date and time';
  const milliseconds = Date.parse(content.value);
  return Number.isNaN(milliseconds) ? 'no date and time' : { kind: 'time', value: milliseconds / 1000 };
}

/** A bignum (RFC 8949 §3.4.3) is read as far as 64 bits go. */
function bignum(content: WireValue, isNegative: boolean): WireValue | string {
  if (content.kind !== 'bytes') return 'a bignum that is not bytes';
  const first = content.value.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Buffer.of(0) : content.value.subarray(first);
  if (digits.length > 8) return 'an integer of more than 64 bits';
  const magnitude = BigInt(`0x${digits.toString('hex')}`);
  return { kind: 'integer', value: canonicalInteger(isNegative ? -1n - magnitude : magnitude) };
}

/** An array of exponent and mantissa: mantissa × 10^exponent (RFC 8949 §3.4.4). */
function readDecimal(reader: CborReader, depth: number): WireValue | string {
  reader.head();
  const count = reader.major === CBOR.array ? reader.count() : 0;
  if (count !== 2 && count !== INDEFINITE) {
    reader.skip(depth);
    return 'a decimal fraction that is no pair';
  }
  const parts: (WireValue | undefined | string)[] = [];
  for (let done = 0; reader.more(count, done); done++) {
    const part = readCborValue(reader, depth + 1);
    if (done < 2) parts.push(part);
    else parts.length = 0;
  }
  return decimal(parts[0], parts[1]);
}

function decimal(exponent: WireValue | undefined | string, mantissa: WireValue | undefined | string) {
  if (typeof exponent !== 'object' || typeof mantissa !== 'object') return 'a decimal fraction that is no pair';
  if (exponent.kind !== 'integer' || mantissa.kind !== 'integer') return 'a decimal fraction of no integers';
  const power = Number(exponent.value);
  if (power === 0) return mantissa;
  if (Math.abs(power) > MAX_DECIMAL_EXPONENT) return 'a decimal fraction out of range';
  const value = Number(`${mantissa.value}e${power}`); // as exact as a decimal literal
  return Number.isFinite(value) ? ({ kind: 'float', value } as const) : 'a decimal fraction out of range';
}

/**
 * Writes one value: TIME in whole seconds, OBJLNK as text. Throws LWM2M_CONTENT for what its type cannot hold.
 * @param tagTime marks a TIME as such (tag 1), where the format has no label that would
 */
export function writeCborValue(writer: CborWriter, value: ResourceValue, path: Lwm2mPath, tagTime: boolean): void {
  switch (value.type) {
    case 'INTEGER':
      writer.integer(writableInteger(value.value, path));
      return;
    case 'FLOAT':
      writer.float(writableFloat(value.value, path));
      return;
    case 'STRING':
      writer.text(writableText(value.value, path));
      return;
    case 'BOOLEAN':
      writer.boolean(value.value);
      return;
    case 'OPAQUE':
      writer.byteString(value.value);
      return;
    case 'TIME':
      if (tagTime) writer.head(CBOR.tag, TAG.epoch);
      writer.integer(wholeSeconds(value.value, { path }));
      return;
    case 'OBJLNK':
      writer.text(writableLink(value.value, path));
  }
}
