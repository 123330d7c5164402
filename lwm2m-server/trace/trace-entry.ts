import { isUtf8 } from 'node:buffer';
import {
  asBuffer,
  type CoapMessage,
  listOptions,
  messageIdOf,
  messageTypeOf,
  readMessage,
} from '../../lwm2m/coap/message.ts';
import { optionName } from '../../lwm2m/coap/options.ts';
import { contentFormatName } from '../../lwm2m/content/content-formats.ts';

/** One datagram to or from a device, as people read it. */
export interface TraceEntry {
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** From the device. */
  readonly incoming: boolean;
  readonly type: string;
  /** `GET`, `2.05`, `EMPTY`; `malformed` for what is no CoAP message. */
  readonly code: string;
  readonly mId: number;
  /** Hex. */
  readonly token: string;
  readonly options: string;
  /** Text, or `Hex:` and hex; long ones are cut. Never what is written to object 0 (Security). */
  readonly payload: string;
}

/** RFC 7252 §12.1.1; the last three as coap-packet has them. */
const METHODS: Readonly<Record<string, string>> = {
  '0.00': 'EMPTY',
  '0.01': 'GET',
  '0.02': 'POST',
  '0.03': 'PUT',
  '0.04': 'DELETE',
  '0.05': 'FETCH',
  '0.06': 'PATCH',
  '0.07': 'iPATCH',
};

const PAYLOAD_BYTES = 1_024;
const OPTION_CHARACTERS = 1_000;
const NOT_SHOWN = '(not shown: it may hold keys)';

/** Options whose value is an unsigned number (RFC 7252 §5.10, RFC 7641 §2, RFC 7959 §4). */
const NUMBERS = new Set(['Observe', 'Max-Age', 'Uri-Port', 'Size1', 'Size2']);
const FORMATS = new Set(['Content-Format', 'Accept']);
const TEXTS = new Set(['Uri-Host', 'Uri-Path', 'Uri-Query', 'Location-Path', 'Location-Query']);

/** What a datagram says, and whether its exchange concerns secrets: the answers to a secret request are secret too. */
export interface ReadDatagram {
  readonly entry: TraceEntry;
  readonly token: string;
  readonly secret: boolean;
}

/**
 * Nothing in what it returns is a view of the datagram: the endpoint goes on using its buffer.
 * @param isSecretToken true for the token of a request that concerned secrets
 */
export function readDatagram(
  datagram: Uint8Array,
  incoming: boolean,
  timestamp: number,
  isSecretToken: (token: string) => boolean,
): ReadDatagram {
  const bytes = asBuffer(datagram);
  const message = readMessage(bytes);
  if (typeof message === 'string') {
    return { entry: malformed(bytes, message === 'header', incoming, timestamp), token: '', secret: false };
  }
  const token = message.token.toString('hex');
  const secret = isSecret(message) || isSecretToken(token);
  const entry: TraceEntry = {
    timestamp,
    incoming,
    type: message.type,
    code: METHODS[message.code] ?? message.code,
    mId: message.messageId,
    token,
    options: optionsText(bytes),
    payload: secret && message.payload.length > 0 ? NOT_SHOWN : payloadText(message.payload),
  };
  return { entry, token, secret };
}

function malformed(bytes: Buffer, isForeign: boolean, incoming: boolean, timestamp: number): TraceEntry {
  return {
    timestamp,
    incoming,
    type: isForeign ? '' : messageTypeOf(bytes),
    code: 'malformed',
    mId: isForeign ? 0 : messageIdOf(bytes),
    token: '',
    options: '',
    payload: hexText(bytes),
  };
}

/**
 * Requests on object 0, at any root path, and patches, whose paths stand in the body: a composite write may name object 0 in a
 * form that only its content format tells.
 */
function isSecret({ code, options }: CoapMessage): boolean {
  if (!code.startsWith('0.') || code === '0.00') return false;
  if (code === '0.06' || code === '0.07') return true;
  return options.uriPath.find((segment) => /^\d+$/.test(segment)) === '0';
}

function optionsText(datagram: Buffer): string {
  const parts = listOptions(datagram).map(({ number, value }) => {
    const name = optionName(number);
    return `${name}: ${optionText(name, value)}`;
  });
  const text = parts.join(', ');
  return text.length > OPTION_CHARACTERS ? `${text.slice(0, OPTION_CHARACTERS)}…` : text;
}

function optionText(name: string, value: Buffer): string {
  if (NUMBERS.has(name)) return String(uint(value));
  if (FORMATS.has(name)) return contentFormatName(uint(value)) ?? String(uint(value));
  if (TEXTS.has(name) && isUtf8(value)) return value.toString();
  if (name === 'Block1' || name === 'Block2') return blockText(uint(value));
  return `0x${value.toString('hex')}`;
}

/** RFC 7959 §2.2: number, more, size exponent. */
function blockText(value: number): string {
  const exponent = value & 0b111;
  return `${value >> 4}/${(value & 0b1000) === 0 ? 'last' : 'more'}/${2 ** (exponent + 4)}`;
}

function uint(value: Buffer): number {
  return value.length === 0 || value.length > 6 ? 0 : value.readUIntBE(0, value.length);
}

function payloadText(payload: Buffer): string {
  if (payload.length === 0) return '';
  const shown = payload.subarray(0, PAYLOAD_BYTES);
  const isText = shown.every(
    (byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09,
  );
  return isText ? shown.toString('latin1') + (shown.length < payload.length ? '…' : '') : hexText(payload);
}

function hexText(bytes: Buffer): string {
  const shown = bytes.subarray(0, PAYLOAD_BYTES);
  return `Hex:${shown.toString('hex')}${shown.length < bytes.length ? '…' : ''}`;
}
