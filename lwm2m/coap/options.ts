import { isUtf8 } from 'node:buffer';
import { PlatformError } from '../../common/errors.ts';
import { type Block, decodeBlock, encodeBlock, encodeUint } from './block-option.ts';
import type { CoapOption } from './message.ts';

/**
 * Options that this endpoint acts on: RFC 7252 §5.10, RFC 7641 §2, RFC 7959 §2.1 and §4, RFC 9175 (Echo), RFC 7967
 * (No-Response). Lengths in bytes. If-Match and If-None-Match are not among them: nothing here is conditional.
 */
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
  Echo: { number: 252, shortest: 1, longest: 40, repeatable: false },
  'No-Response': { number: 258, shortest: 0, longest: 1, repeatable: false },
} as const;

export type KnownOption = keyof typeof OPTIONS;
type KnownNumber = (typeof OPTIONS)[KnownOption]['number'];
interface OptionRule {
  readonly number: number;
  readonly shortest: number;
  readonly longest: number;
  readonly repeatable: boolean;
}

/** Known by name only. */
const OTHER_NAMES = { 'If-Match': 1, 'If-None-Match': 5, OSCORE: 9, 'Hop-Limit': 16, 'Request-Tag': 292 } as const;
const NAMES = new Map<number, string>([
  ...Object.entries(OPTIONS).map(([name, { number }]) => [number, name] as const),
  ...Object.entries(OTHER_NAMES).map(([name, number]) => [number, name] as const),
]);

/** As the registry of CoAP options has it; one without a name here goes by its number in decimal. */
export function optionName(number: number): string {
  return NAMES.get(number) ?? String(number);
}

/** By option number. */
const RULES: (OptionRule | undefined)[] = [];
for (const rule of Object.values(OPTIONS)) RULES[rule.number] = rule;
for (let number = 0; number < RULES.length; number++) RULES[number] ??= undefined; // no holes: looked up for each option

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
  echo: Buffer | undefined = undefined;
  /** Classes of responses that the client does not want: 2, 8 and 16 for 2.xx, 4.xx and 5.xx (RFC 7967). */
  noResponse = 0;
  /** A critical option that is unknown, repeated or of a wrong length: the message must be refused, RFC 7252 §5.4.1. */
  badCritical = false;
  /** A block option with the reserved size: 4.00, RFC 7959 §2.2. */
  badBlock = false;
  /** Proxy-Uri or Proxy-Scheme: 5.05, RFC 7252 §5.10.2. */
  proxy = false;
}

/** Of an empty message. */
export const NO_OPTIONS: Options = Object.freeze(new Options());

/**
 * Takes up one option, whose value lies from `start` to `end`. Elective options that do not fit their rule are skipped as if
 * unknown, RFC 7252 §5.4.1, §5.4.3, §5.4.5. @param repeated the option before it has the same number
 */
export function readOption(
  options: Options,
  number: number,
  repeated: boolean,
  datagram: Buffer,
  start: number,
  end: number,
): void {
  const rule = number < RULES.length ? RULES[number] : undefined;
  const length = end - start;
  const fits =
    rule !== undefined &&
    length >= rule.shortest &&
    length <= rule.longest &&
    (rule.repeatable || !repeated) &&
    take(options, number as KnownNumber, datagram, start, end);
  if (!fits && number % 2 === 1) options.badCritical = true;
}

/** False when the value itself cannot be accepted. */
function take(options: Options, number: KnownNumber, datagram: Buffer, start: number, end: number): boolean {
  switch (number) {
    case OPTIONS.Observe.number:
      options.observe = uint(datagram, start, end);
      return true;
    case OPTIONS['Content-Format'].number:
      options.contentFormat = uint(datagram, start, end);
      return true;
    case OPTIONS.Block2.number:
      options.block2 = decodeBlock(datagram.subarray(start, end));
      if (options.block2 === undefined) options.badBlock = true;
      return true;
    case OPTIONS.Block1.number:
      options.block1 = decodeBlock(datagram.subarray(start, end));
      if (options.block1 === undefined) options.badBlock = true;
      return true;
    case OPTIONS.ETag.number:
      options.etag ??= datagram.subarray(start, end);
      return true;
    case OPTIONS['Max-Age'].number:
      options.maxAgeSeconds = uint(datagram, start, end);
      return true;
    case OPTIONS.Accept.number:
      options.accept = uint(datagram, start, end);
      return true;
    case OPTIONS.Size1.number:
      options.size1 = uint(datagram, start, end);
      return true;
    case OPTIONS.Size2.number:
      options.size2 = uint(datagram, start, end);
      return true;
    case OPTIONS.Echo.number:
      options.echo = datagram.subarray(start, end);
      return true;
    case OPTIONS['No-Response'].number:
      options.noResponse = uint(datagram, start, end);
      return true;
    case OPTIONS['Uri-Path'].number:
      return takePathSegment(options, datagram, start, end);
    case OPTIONS['Uri-Query'].number: {
      const text = textOf(datagram, start, end);
      if (text !== undefined) options.uriQuery = appended(options.uriQuery, text);
      return text !== undefined;
    }
    case OPTIONS['Location-Path'].number: {
      const text = textOf(datagram, start, end);
      if (text !== undefined) options.locationPath = appended(options.locationPath, text);
      return text !== undefined;
    }
    case OPTIONS['Proxy-Uri'].number:
    case OPTIONS['Proxy-Scheme'].number:
      options.proxy = true;
      return true;
    default: // Uri-Host, Uri-Port and Location-Query are understood and change nothing here
      return true;
  }
}

/** A segment is never `.` or `..`, RFC 7252 §5.10.1. */
function takePathSegment(options: Options, datagram: Buffer, start: number, end: number): boolean {
  const text = textOf(datagram, start, end);
  if (text === undefined || text === '.' || text === '..') return false;
  options.uriPath = appended(options.uriPath, text);
  return true;
}

function appended(list: readonly string[], text: string): readonly string[] {
  if (list === NO_SEGMENTS) return [text];
  (list as string[]).push(text); // made here, by the line above
  return list;
}

function uint(datagram: Buffer, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) number = number * 256 + datagram[at]!;
  return number;
}

const REPLACEMENT = '\ufffd';

/** Undefined when it is no UTF-8: then, or when it was sent, the text holds a replacement character. */
function textOf(datagram: Buffer, start: number, end: number): string | undefined {
  const text = datagram.toString('utf8', start, end);
  return text.includes(REPLACEMENT) && !isUtf8(datagram.subarray(start, end)) ? undefined : text;
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
    return value === undefined ? this : this.#add(name, value);
  }

  block(name: 'Block1' | 'Block2', value: Block | undefined): this {
    return value === undefined ? this : this.#add(name, encodeBlock(value));
  }

  #add(name: KnownOption, value: Uint8Array): this {
    const { number, longest } = OPTIONS[name];
    if (value.length > longest) throw new PlatformError('COAP_TOO_LARGE', `${name} takes at most ${longest} bytes`);
    this.options.push({ number, value });
    return this;
  }
}
