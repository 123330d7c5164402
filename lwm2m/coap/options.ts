import { isUtf8 } from 'node:buffer';
import { PlatformError } from '../../common/errors.ts';
import { type Block, decodeBlock, decodeUint, encodeBlock, encodeUint } from './block-option.ts';
import type { CoapOption } from './message.ts';

/** Options that this endpoint acts on: RFC 7252 §5.10, RFC 7641 §2, RFC 7959 §2.1 and §4. Lengths in bytes. */
const OPTIONS = {
  'Uri-Host': { number: 3, shortest: 1, longest: 255, repeatable: false },
  ETag: { number: 4, shortest: 1, longest: 8, repeatable: true },
  Observe: { number: 6, shortest: 0, longest: 3, repeatable: false },
  'Uri-Port': { number: 7, shortest: 0, longest: 2, repeatable: false },
  'Location-Path': { number: 8, shortest: 0, longest: 255, repeatable: true },
  'Uri-Path': { number: 11, shortest: 0, longest: 255, repeatable: true },
  'Content-Format': { number: 12, shortest: 0, longest: 2, repeatable: false },
  'Max-Age': { number: 14, shortest: 0, longest: 4, repeatable: false },
  'Uri-Query': { number: 15, shortest: 0, longest: 255, repeatable: true },
  Accept: { number: 17, shortest: 0, longest: 2, repeatable: false },
  'Location-Query': { number: 20, shortest: 0, longest: 255, repeatable: true },
  Block2: { number: 23, shortest: 0, longest: 3, repeatable: false },
  Block1: { number: 27, shortest: 0, longest: 3, repeatable: false },
  Size2: { number: 28, shortest: 0, longest: 4, repeatable: false },
  'Proxy-Uri': { number: 35, shortest: 1, longest: 1034, repeatable: false },
  'Proxy-Scheme': { number: 39, shortest: 1, longest: 255, repeatable: false },
  Size1: { number: 60, shortest: 0, longest: 4, repeatable: false },
} as const;

export type KnownOption = keyof typeof OPTIONS;
interface OptionRule {
  readonly number: number;
  readonly shortest: number;
  readonly longest: number;
  readonly repeatable: boolean;
}
const RULES = new Map<string, OptionRule>(Object.entries(OPTIONS));
/** Named by coap-packet but not acted on here; the others without a rule come as decimal numbers. */
const OTHER_CRITICAL = new Set(['If-Match', 'If-None-Match', 'OSCORE', 'Q-Block1', 'Q-Block2']);
OTHER_CRITICAL.add('OCF-Accept-Content-Format-Version').add('OCF-Content-Format-Version');

const NO_SEGMENTS: readonly string[] = Object.freeze([]);

/** The options of one message by meaning. */
export class Options {
  uriPath: readonly string[] = NO_SEGMENTS;
  uriQuery: readonly string[] = NO_SEGMENTS;
  locationPath: readonly string[] = NO_SEGMENTS;
  contentFormat: number | undefined = undefined;
  accept: number | undefined = undefined;
  observe: number | undefined = undefined;
  maxAgeSeconds: number | undefined = undefined;
  etag: Buffer | undefined = undefined;
  block1: Block | undefined = undefined;
  block2: Block | undefined = undefined;
  size1: number | undefined = undefined;
  size2: number | undefined = undefined;
  /** A critical option that is unknown, repeated or of a wrong length: the message must be refused, RFC 7252 §5.4.1. */
  badCritical = false;
  /** A block option with the reserved size: 4.00, RFC 7959 §2.2. */
  badBlock = false;
  /** Proxy-Uri or Proxy-Scheme: 5.05, RFC 7252 §5.10.2. */
  proxy = false;
}

/** Elective options that do not fit their rule are skipped as if unknown, RFC 7252 §5.4.1, §5.4.3, §5.4.5. */
export function readOptions(list: readonly CoapOption[]): Options {
  const options = new Options();
  let previous = '';
  for (const { name, value } of list) {
    const rule = RULES.get(name);
    if (rule === undefined) {
      if (isUnknownCritical(name)) options.badCritical = true;
    } else if (
      value.length < rule.shortest ||
      value.length > rule.longest ||
      (name === previous && !rule.repeatable) ||
      !readOption(options, name as KnownOption, value)
    ) {
      if (rule.number % 2 === 1) options.badCritical = true;
    }
    previous = name;
  }
  return options;
}

function isUnknownCritical(name: string): boolean {
  if (OTHER_CRITICAL.has(name)) return true;
  const number = Number(name);
  return Number.isInteger(number) && number % 2 === 1;
}

/** False when the value itself cannot be accepted. */
function readOption(options: Options, name: KnownOption, value: Buffer): boolean {
  switch (name) {
    case 'Observe':
      options.observe = decodeUint(value);
      return true;
    case 'Content-Format':
      options.contentFormat = decodeUint(value);
      return true;
    case 'Block1':
    case 'Block2':
      return readBlock(options, name === 'Block1' ? 'block1' : 'block2', value);
    case 'ETag':
      options.etag ??= value;
      return true;
    case 'Max-Age':
      options.maxAgeSeconds = decodeUint(value);
      return true;
    case 'Accept':
      options.accept = decodeUint(value);
      return true;
    case 'Size1':
      options.size1 = decodeUint(value);
      return true;
    case 'Size2':
      options.size2 = decodeUint(value);
      return true;
    case 'Uri-Path':
      return readPathSegment(options, value);
    case 'Uri-Query':
      return readText(value, (text) => (options.uriQuery = [...options.uriQuery, text]));
    case 'Location-Path':
      return readText(value, (text) => (options.locationPath = [...options.locationPath, text]));
    case 'Proxy-Uri':
    case 'Proxy-Scheme':
      options.proxy = true;
      return true;
    default: // Uri-Host, Uri-Port and Location-Query are understood and change nothing here
      return true;
  }
}

function readBlock(options: Options, field: 'block1' | 'block2', value: Buffer): boolean {
  options[field] = decodeBlock(value);
  if (options[field] === undefined) options.badBlock = true;
  return true;
}

/** A segment is never `.` or `..`, RFC 7252 §5.10.1. */
function readPathSegment(options: Options, value: Buffer): boolean {
  return readText(value, (text) => {
    if (text === '.' || text === '..') options.badCritical = true;
    options.uriPath = [...options.uriPath, text];
  });
}

function readText(value: Buffer, use: (text: string) => void): boolean {
  if (!isUtf8(value)) return false;
  use(value.toString());
  return true;
}

/** Collects the options of a message to send; undefined values are left out. Throws COAP_TOO_LARGE, INTERNAL. */
export class OptionList {
  readonly options: CoapOption[] = [];

  uint(name: KnownOption, value: number | undefined): this {
    if (value === undefined) return this;
    if (!Number.isSafeInteger(value) || value < 0) throw new PlatformError('INTERNAL', `${name} cannot be ${value}`);
    return this.#add(name, encodeUint(value));
  }

  texts(name: KnownOption, values: readonly string[] | undefined): this {
    for (const value of values ?? NO_SEGMENTS) this.#add(name, Buffer.from(value));
    return this;
  }

  bytes(name: KnownOption, value: Uint8Array | undefined): this {
    return value === undefined ? this : this.#add(name, Buffer.from(value));
  }

  block(name: 'Block1' | 'Block2', value: Block | undefined): this {
    return value === undefined ? this : this.#add(name, encodeBlock(value));
  }

  #add(name: KnownOption, value: Buffer): this {
    if (value.length > OPTIONS[name].longest) {
      throw new PlatformError('COAP_TOO_LARGE', `${name} takes at most ${OPTIONS[name].longest} bytes`);
    }
    this.options.push({ name, value });
    return this;
  }
}
