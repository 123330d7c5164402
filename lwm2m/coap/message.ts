import { generate, type OptionName, parse } from 'coap-packet';
import { PlatformError } from '../../common/errors.ts';

export type MessageType = 'CON' | 'NON' | 'ACK' | 'RST';

/** As coap-packet names it; an option without a name goes by its number in decimal. */
export interface CoapOption {
  readonly name: string;
  readonly value: Buffer;
}

export interface CoapMessage {
  readonly type: MessageType;
  /** `0.00` empty, `0.xx` request, `2.xx` `4.xx` `5.xx` response. */
  readonly code: string;
  readonly messageId: number;
  readonly token: Buffer;
  readonly options: readonly CoapOption[];
  readonly payload: Buffer;
}

const NOTHING = Buffer.alloc(0);
const TYPES = ['CON', 'NON', 'ACK', 'RST'] as const;
const HEADER_BYTES = 4;
const LONGEST_TOKEN_BYTES = 8;
const PAYLOAD_MARKER = 0xff;
/** Largest UDP payload over IPv4. */
const LONGEST_DATAGRAM_BYTES = 65_507;
/** Class 0, 2, 4 or 5 and a detail of two digits up to 31, RFC 7252 §3. */
const CODE = /^[0245]\.([012]\d|3[01])$/;
/** Far above any real message; a datagram full of one-byte options is an attack on the receiver's memory. */
const MOST_OPTIONS = 128;

/**
 * Why a datagram is no CoAP message. `header`: it may not be answered at all, RFC 7252 §3 (version).
 * `format`: a confirmable one is rejected with a Reset, RFC 7252 §4.2.
 */
export type FrameFault = 'header' | 'format';

/** The checks that coap-packet leaves out: it reads past the end of what it is given. */
export function frameFault(datagram: Uint8Array): FrameFault | undefined {
  if (datagram.length < HEADER_BYTES || datagram[0]! >> 6 !== 1) return 'header';
  const tokenLength = datagram[0]! & 0x0f;
  const code = datagram[1]!;
  if (code === 0) return datagram.length === HEADER_BYTES && tokenLength === 0 ? undefined : 'format';
  const codeClass = code >> 5;
  if (codeClass === 1 || codeClass > 5) return 'format';
  if (tokenLength > LONGEST_TOKEN_BYTES || HEADER_BYTES + tokenLength > datagram.length) return 'format';
  return optionsFault(datagram, HEADER_BYTES + tokenLength);
}

/** Walks the options as drawn in RFC 7252 §3.1, every length checked before it is used. */
function optionsFault(datagram: Uint8Array, start: number): FrameFault | undefined {
  let at = start;
  let number = 0;
  for (let count = 0; at < datagram.length; count++) {
    const first = datagram[at++]!;
    if (first === PAYLOAD_MARKER) return at < datagram.length ? undefined : 'format';
    const deltaNibble = first >> 4;
    const lengthNibble = first & 0x0f;
    if (deltaNibble === 15 || lengthNibble === 15 || count === MOST_OPTIONS) return 'format';
    const afterDelta = at + extraBytes(deltaNibble);
    const afterLength = afterDelta + extraBytes(lengthNibble);
    if (afterLength > datagram.length) return 'format';
    number += extended(datagram, at, deltaNibble);
    at = afterLength + extended(datagram, afterDelta, lengthNibble);
    if (number > 0xffff || at > datagram.length) return 'format';
  }
  return undefined;
}

function extraBytes(nibble: number): number {
  return nibble < 13 ? 0 : nibble - 12;
}

function extended(datagram: Uint8Array, at: number, nibble: number): number {
  if (nibble < 13) return nibble;
  return nibble === 13 ? datagram[at]! + 13 : datagram[at]! * 256 + datagram[at + 1]! + 269;
}

export function messageTypeOf(datagram: Uint8Array): MessageType {
  return TYPES[(datagram[0]! >> 4) & 3]!;
}

export function messageIdOf(datagram: Uint8Array): number {
  return datagram[2]! * 256 + datagram[3]!;
}

/** Only for datagrams without a `frameFault`. Token, options and payload are views of the datagram. */
export function decodeMessage(datagram: Buffer): CoapMessage {
  const packet = parse(datagram);
  return {
    type: messageTypeOf(datagram),
    code: packet.code,
    messageId: packet.messageId,
    token: packet.token,
    options: packet.options as readonly CoapOption[],
    payload: packet.payload,
  };
}

/** @throws INTERNAL for a code or token that is none, COAP_TOO_LARGE when longer than a datagram can be */
export function encodeMessage(message: CoapMessage): Buffer {
  if (!CODE.test(message.code) || message.token.length > LONGEST_TOKEN_BYTES) {
    throw new PlatformError(
      'INTERNAL',
      `code ${message.code} or a token of ${message.token.length} bytes cannot be sent`,
    );
  }
  try {
    return encode(message);
  } catch (cause) {
    throw new PlatformError('COAP_TOO_LARGE', 'a message does not fit a datagram', { cause });
  }
}

function encode(message: CoapMessage): Buffer {
  return generate(
    {
      code: message.code,
      messageId: message.messageId,
      token: message.token,
      payload: message.payload,
      options: message.options.map(({ name, value }) => ({ name: name as OptionName, value })),
      confirmable: message.type === 'CON',
      ack: message.type === 'ACK',
      reset: message.type === 'RST',
    },
    LONGEST_DATAGRAM_BYTES,
  );
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
