import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Number and value: text, bytes, or a number as uint. A message has them in ascending order. */
export type RawOption = readonly [number, string | number | Buffer];

/** A message written bit by bit, without any codec under test: also one that no codec would write. */
export interface RawMessage {
  readonly type?: 'CON' | 'NON' | 'ACK' | 'RST';
  readonly code: string;
  readonly messageId: number;
  readonly token?: string;
  readonly options?: readonly RawOption[];
  readonly payload?: string;
  /** In place of the true token length. */
  readonly tokenLength?: number;
}

const TYPES = { CON: 0, NON: 1, ACK: 2, RST: 3 } as const;

function optionValue(value: string | number | Buffer): Buffer {
  if (typeof value !== 'number') return Buffer.from(value as string);
  const hex = value === 0 ? '' : value.toString(16);
  return Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, 'hex');
}

/** The nibble and its extension bytes, RFC 7252 §3.1. */
function extended(value: number): [number, number[]] {
  if (value < 13) return [value, []];
  if (value < 269) return [13, [value - 13]];
  return [14, [(value - 269) >> 8, (value - 269) & 0xff]];
}

export function raw(message: RawMessage): Buffer {
  const token = Buffer.from(message.token ?? '', 'hex');
  const [codeClass, detail] = message.code.split('.').map(Number) as [number, number];
  const bytes: number[] = [
    0x40 | (TYPES[message.type ?? 'CON'] << 4) | (message.tokenLength ?? token.length),
    (codeClass << 5) | detail,
    message.messageId >> 8,
    message.messageId & 0xff,
    ...token,
  ];
  let previous = 0;
  for (const [number, given] of message.options ?? []) {
    const value = optionValue(given);
    const [delta, deltaBytes] = extended(number - previous);
    const [length, lengthBytes] = extended(value.length);
    bytes.push((delta << 4) | length, ...deltaBytes, ...lengthBytes, ...value);
    previous = number;
  }
  if (message.payload !== undefined) bytes.push(0xff, ...Buffer.from(message.payload));
  return Buffer.from(bytes);
}

export const codeOf = (datagram: Buffer): string =>
  `${datagram[1]! >> 5}.${String(datagram[1]! & 31).padStart(2, '0')}`;
export const typeOf = (datagram: Buffer): string => ['CON', 'NON', 'ACK', 'RST'][(datagram[0]! >> 4) & 3]!;
export const messageIdOf = (datagram: Buffer): number => datagram.readUInt16BE(2);
export const tokenOf = (datagram: Buffer): string => datagram.subarray(4, 4 + (datagram[0]! & 15)).toString('hex');

/** Option values by number, read from the wire. */
export function optionsOf(datagram: Buffer): Map<number, Buffer[]> {
  const options = new Map<number, Buffer[]>();
  let at = 4 + (datagram[0]! & 15);
  let number = 0;
  const read = (nibble: number): number => {
    if (nibble < 13) return nibble;
    if (nibble === 13) return datagram[at++]! + 13;
    at += 2;
    return datagram.readUInt16BE(at - 2) + 269;
  };
  while (at < datagram.length && datagram[at] !== 0xff) {
    const first = datagram[at++]!;
    number += read(first >> 4);
    const length = read(first & 15);
    options.set(number, [...(options.get(number) ?? []), datagram.subarray(at, at + length)]);
    at += length;
  }
  return options;
}

export function payloadOf(datagram: Buffer): string {
  let at = 4 + (datagram[0]! & 15);
  const size = (nibble: number): number => {
    if (nibble < 13) return nibble;
    if (nibble === 13) return datagram[at++]! + 13;
    at += 2;
    return datagram.readUInt16BE(at - 2) + 269;
  };
  while (at < datagram.length) {
    const first = datagram[at++]!;
    if (first === 0xff) return datagram.subarray(at).toString();
    size(first >> 4);
    const length = size(first & 15);
    at += length;
  }
  return '';
}

/** A device that speaks in datagrams and waits for the answer to each. */
export class RawPeer {
  readonly #socket: Socket;
  readonly #toPort: number;
  readonly #received: Buffer[] = [];

  private constructor(socket: Socket, toPort: number) {
    this.#socket = socket;
    this.#toPort = toPort;
    socket.on('message', (datagram) => this.#received.push(datagram));
  }

  static async open(toPort: number): Promise<RawPeer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new RawPeer(socket, toPort);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(datagram: Buffer, toPort = this.#toPort): void {
    this.#socket.send(datagram, toPort, '127.0.0.1');
  }

  /** The next datagram; fails after `withinMs`. */
  async receive(withinMs = 1_500): Promise<Buffer> {
    if (this.#received.length === 0) await once(this.#socket, 'message', { signal: AbortSignal.timeout(withinMs) });
    return this.#received.shift()!;
  }

  async exchange(datagram: Buffer): Promise<Buffer> {
    this.send(datagram);
    return await this.receive();
  }

  /** Fails when anything arrives within `forMs`. */
  async expectSilence(forMs = 60): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, forMs));
    assert.deepEqual(this.#received, []);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}
