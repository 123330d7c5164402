import { PlatformError } from '../../common/errors.ts';
import { NO_OPTIONS, Options, readOption } from './options.ts';

export type MessageType = 'CON' | 'NON' | 'ACK' | 'RST';

/** One option of a message to send. */
export interface CoapOption {
  readonly number: number;
  readonly value: Uint8Array;
}

/** A message as it is written. */
export interface MessageToSend {
  readonly type: MessageType;
  readonly code: string;
  readonly messageId: number;
  readonly token: Uint8Array;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** A message as it was read. Token and payload are views of the datagram. */
export interface CoapMessage {
  readonly type: MessageType;
  /** `0.00` empty, `0.xx` request, `2.xx` `4.xx` `5.xx` response. */
  readonly code: string;
  readonly messageId: number;
  readonly token: Buffer;
  readonly options: Options;
  readonly payload: Buffer;
}

const NOTHING = Buffer.alloc(0);
const TYPES = ['CON', 'NON', 'ACK', 'RST'] as const;
const HEADER_BYTES = 4;
const LONGEST_TOKEN_BYTES = 8;
const PAYLOAD_MARKER = 0xff;
/** Largest UDP payload over IPv4. */
const LONGEST_DATAGRAM_BYTES = 65_507;
const LARGEST_OPTION_NUMBER = 0xffff;
/** Class 0, 2, 4 or 5 and a detail of two digits up to 31, RFC 7252 §3. */
const CODE = /^[0245]\.([012]\d|3[01])$/;
/** Far above any real message; a datagram full of one-byte options is an attack on the receiver's memory. */
const MOST_OPTIONS = 128;

function codeText(byte: number): string {
  return `${byte >> 5}.${String(byte & 0x1f).padStart(2, '0')}`;
}
const CODES: readonly string[] = Array.from({ length: 256 }, (_, byte) => codeText(byte));
const CODE_BYTES = new Map(CODES.map((code, byte) => [code, byte]));

/**
 * Why a datagram is no CoAP message. `header`: too short or another version, it may not be answered at all, RFC 7252 §3.
 * The others are message format errors: a confirmable one is rejected with a Reset, RFC 7252 §4.2.
 */
export type FrameFault = 'header' | 'empty' | 'code' | 'token' | 'options' | 'payload';

/** Reads a datagram in one pass, every length checked before it is used (RFC 7252 §3 and §3.1). */
export function readMessage(datagram: Buffer): CoapMessage | FrameFault {
  const { length } = datagram;
  if (length < HEADER_BYTES || datagram[0]! >> 6 !== 1) return 'header';
  const tokenLength = datagram[0]! & 0x0f;
  const code = datagram[1]!;
  if (code === 0) return length === HEADER_BYTES && tokenLength === 0 ? emptyRead(datagram) : 'empty';
  const codeClass = code >> 5;
  if (codeClass === 1 || codeClass > 5) return 'code';
  const start = HEADER_BYTES + tokenLength;
  if (tokenLength > LONGEST_TOKEN_BYTES || start > length) return 'token';
  const options = new Options();
  const at = walkOptions(datagram, start, options);
  if (typeof at === 'string') return at;
  return {
    type: messageTypeOf(datagram),
    code: CODES[code]!,
    messageId: messageIdOf(datagram),
    token: datagram.subarray(HEADER_BYTES, start),
    options,
    payload: at === length ? NOTHING : datagram.subarray(at),
  };
}

function emptyRead(datagram: Buffer): CoapMessage {
  const messageId = messageIdOf(datagram);
  return {
    type: messageTypeOf(datagram),
    code: CODES[0]!,
    messageId,
    token: NOTHING,
    options: NO_OPTIONS,
    payload: NOTHING,
  };
}

type TakeOption = (number: number, repeated: boolean, datagram: Buffer, start: number, end: number) => void;

/** Where the payload begins, or the end of the datagram. */
function walkOptions(datagram: Buffer, from: number, options: Options | TakeOption): number | FrameFault {
  const { length } = datagram;
  let at = from;
  let number = 0;
  for (let count = 0; at < length; count++) {
    const first = datagram[at++]!;
    if (first === PAYLOAD_MARKER) return at < length ? at : 'payload';
    const deltaNibble = first >> 4;
    const lengthNibble = first & 0x0f;
    if (deltaNibble === 15 || lengthNibble === 15 || count === MOST_OPTIONS) return 'options';
    const afterDelta = at + extraBytes(deltaNibble);
    const afterLength = afterDelta + extraBytes(lengthNibble);
    if (afterLength > length) return 'options';
    const delta = extended(datagram, at, deltaNibble);
    const end = afterLength + extended(datagram, afterDelta, lengthNibble);
    number += delta;
    if (number > LARGEST_OPTION_NUMBER || end > length) return 'options';
    const repeated = delta === 0 && count > 0;
    if (typeof options === 'function') options(number, repeated, datagram, afterLength, end);
    else readOption(options, number, repeated, datagram, afterLength, end);
    at = end;
  }
  return at;
}

function extraBytes(nibble: number): number {
  return nibble < 13 ? 0 : nibble - 12;
}

function extended(datagram: Uint8Array, at: number, nibble: number): number {
  if (nibble < 13) return nibble;
  return nibble === 13 ? datagram[at]! + 13 : datagram[at]! * 256 + datagram[at + 1]! + 269;
}

export function frameFault(datagram: Buffer): FrameFault | undefined {
  const read = readMessage(datagram);
  return typeof read === 'string' ? read : undefined;
}

/** @throws COAP_MALFORMED */
export function decodeMessage(datagram: Buffer): CoapMessage {
  const read = readMessage(datagram);
  if (typeof read === 'string') throw new PlatformError('COAP_MALFORMED', `no CoAP message: ${read}`);
  return read;
}

/** Every option as it was sent, in its order: for showing. Only for datagrams without a `frameFault`. */
export function listOptions(datagram: Buffer): { readonly number: number; readonly value: Buffer }[] {
  const list: { readonly number: number; readonly value: Buffer }[] = [];
  if (datagram[1] === 0) return list;
  walkOptions(datagram, HEADER_BYTES + (datagram[0]! & 0x0f), (number, _repeated, from, start, end) =>
    list.push({ number, value: from.subarray(start, end) }),
  );
  return list;
}

export function messageTypeOf(datagram: Uint8Array): MessageType {
  return TYPES[(datagram[0]! >> 4) & 3]!;
}

export function messageIdOf(datagram: Uint8Array): number {
  return datagram[2]! * 256 + datagram[3]!;
}

/** @throws INTERNAL for a code or token that is none, COAP_TOO_LARGE when longer than a datagram can be */
export function encodeMessage(message: MessageToSend): Buffer {
  const { code, token, payload } = message;
  if (!CODE.test(code) || token.length > LONGEST_TOKEN_BYTES) {
    throw new PlatformError('INTERNAL', `code ${code} or a token of ${token.length} bytes cannot be sent`);
  }
  const options = inOrder(message.options);
  const payloadBytes = payload.length === 0 ? 0 : payload.length + 1;
  const bytes = HEADER_BYTES + token.length + optionBytes(options) + payloadBytes;
  if (bytes > LONGEST_DATAGRAM_BYTES) {
    throw new PlatformError('COAP_TOO_LARGE', `a message of ${bytes} bytes does not fit a datagram`);
  }
  const datagram = Buffer.allocUnsafe(bytes);
  datagram[0] = 0x40 | (TYPES.indexOf(message.type) << 4) | token.length;
  datagram[1] = CODE_BYTES.get(code)!;
  datagram[2] = message.messageId >> 8;
  datagram[3] = message.messageId & 0xff;
  datagram.set(token, HEADER_BYTES);
  const at = writeOptions(datagram, HEADER_BYTES + token.length, options);
  if (payload.length > 0) {
    datagram[at] = PAYLOAD_MARKER;
    datagram.set(payload, at + 1);
  }
  return datagram;
}

/** By number; those of one number keep their order. */
function inOrder(options: readonly CoapOption[]): readonly CoapOption[] {
  for (let i = 1; i < options.length; i++) {
    if (options[i]!.number < options[i - 1]!.number) return [...options].sort((a, b) => a.number - b.number);
  }
  return options;
}

function nibbleOf(value: number): number {
  if (value < 13) return value;
  return value < 269 ? 13 : 14;
}

function optionBytes(options: readonly CoapOption[]): number {
  let bytes = 0;
  let previous = 0;
  for (const { number, value } of options) {
    bytes += 1 + extraBytes(nibbleOf(number - previous)) + extraBytes(nibbleOf(value.length)) + value.length;
    previous = number;
  }
  return bytes;
}

/** Returns where the options end. */
function writeOptions(datagram: Buffer, start: number, options: readonly CoapOption[]): number {
  let at = start;
  let previous = 0;
  for (const { number, value } of options) {
    const delta = number - previous;
    datagram[at++] = (nibbleOf(delta) << 4) | nibbleOf(value.length);
    at = writeExtended(datagram, at, delta);
    at = writeExtended(datagram, at, value.length);
    datagram.set(value, at);
    at += value.length;
    previous = number;
  }
  return at;
}

function writeExtended(datagram: Buffer, at: number, value: number): number {
  if (value < 13) return at;
  if (value < 269) return datagram.writeUInt8(value - 13, at);
  return datagram.writeUInt16BE(value - 269, at);
}

/** An empty ACK: written by hand, for it is sent once for every notification. */
export function emptyAck(messageId: number): Buffer {
  return emptyMessage(0x60, messageId);
}

export function emptyReset(messageId: number): Buffer {
  return emptyMessage(0x70, messageId);
}

/** CoAP ping, RFC 7252 §4.3. */
export function emptyConfirmable(messageId: number): Buffer {
  return emptyMessage(0x40, messageId);
}

function emptyMessage(firstByte: number, messageId: number): Buffer {
  const datagram = Buffer.allocUnsafe(HEADER_BYTES);
  datagram[0] = firstByte;
  datagram[1] = 0;
  datagram[2] = messageId >> 8;
  datagram[3] = messageId & 0xff;
  return datagram;
}

export function asBuffer(bytes: Uint8Array | undefined): Buffer {
  if (bytes === undefined) return NOTHING;
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** FNV-1a over the whole datagram: a retransmission is identical to its original (RFC 7252 §4.2). */
export function fingerprintOf(datagram: Uint8Array): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < datagram.length; i++) hash = Math.imul(hash ^ datagram[i]!, 0x01000193);
  return hash;
}
