import { createSocket, type Socket } from 'node:dgram';
import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';

/** Message types and codes in the first two bytes (RFC 7252 §3), and the option numbers that are needed. */
const [CON, ACK] = [0x40, 0x60];
const TYPE_BITS = 0x30;
const [GET, POST, CREATED, CHANGED, CONTENT] = [0x01, 0x02, 0x41, 0x44, 0x45];
const LOCATION_PATH = 8;
const TRY_EVERY_MS = 50;

/**
 * One device that is observed, and then asks a server that was away whether it still knows it. By hand on the socket, so that it
 * shares no code with the server under test; it reads no more of a message than it needs.
 */
export class ProbeDevice {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #port: number;
  #messageId = 1;
  #location: Buffer[] = [];
  #token: Buffer | undefined;
  #sequence = 1;
  #updated = false;
  #acknowledged = false;
  #refused = 0;

  private constructor(name: string, port: number) {
    this.#name = name;
    this.#port = port;
    this.#socket = createSocket('udp4');
    this.#socket.on('message', (datagram) => this.#onDatagram(datagram));
    this.#socket.on('error', () => undefined);
  }

  /** Registered and observed. */
  static async start(name: string, port: number): Promise<ProbeDevice> {
    const device = new ProbeDevice(name, port);
    device.#register();
    for (let tries = 0; device.#token === undefined; tries++) {
      if (tries === 200) throw new PlatformError('STACK_START_FAILED', `probe ${name} is not observed`);
      await sleep(TRY_EVERY_MS);
    }
    return device;
  }

  /** Until the registration is updated and a notification of the old observation is acknowledged; milliseconds on the clock of `performance`. */
  async known(deadlineMs: number): Promise<number> {
    this.#updated = false;
    this.#acknowledged = false;
    while (performance.now() < deadlineMs) {
      if (!this.#updated) this.#update();
      else if (!this.#acknowledged) this.#notify();
      else return performance.now();
      await sleep(TRY_EVERY_MS);
    }
    throw new PlatformError(
      'STACK_START_FAILED',
      `probe ${this.#name} is not known any more (${this.#refused} refusals)`,
    );
  }

  close(): void {
    this.#socket.close();
  }

  #send(datagram: Buffer): void {
    this.#socket.send(datagram, this.#port, '127.0.0.1');
  }

  #head(type: number, code: number, token: Buffer): Buffer {
    this.#messageId = (this.#messageId + 1) & 0xffff;
    return Buffer.from([type | token.length, code, this.#messageId >> 8, this.#messageId & 0xff, ...token]);
  }

  #register(): void {
    const options = [option(11, 'rd'), Buffer.from([0x11, 40]), option(3, `ep=${this.#name}`)];
    const query = [option(0, 'lt=86400'), option(0, 'lwm2m=1.1'), option(0, 'b=U')];
    const body = Buffer.from('\xff</3/0>,</3303/0>', 'latin1');
    this.#send(Buffer.concat([this.#head(CON, POST, Buffer.from('r')), ...options, ...query, body]));
  }

  #update(): void {
    const path = this.#location.map((segment, index) => option(index === 0 ? 11 : 0, segment));
    this.#send(Buffer.concat([this.#head(CON, POST, Buffer.from('u')), ...path]));
  }

  #notify(): void {
    this.#sequence++;
    const observe = Buffer.from([0x62, this.#sequence >> 8, this.#sequence & 0xff]);
    // Content-Format 0 is an option without a value.
    const rest = Buffer.concat([observe, Buffer.from([0x60, 0xff]), Buffer.from('21.5')]);
    this.#send(Buffer.concat([this.#head(CON, CONTENT, this.#token!), rest]));
  }

  #onDatagram(datagram: Buffer): void {
    const [first, code] = [datagram[0]!, datagram[1]!];
    const tokenLength = first & 0x0f;
    if ((first & TYPE_BITS) === 0x30) this.#refused++;
    if (code === GET) this.#onObserve(datagram, datagram.subarray(4, 4 + tokenLength));
    else if (code === CREATED) this.#location = locationOf(datagram.subarray(4 + tokenLength));
    else if (code === CHANGED) this.#updated = true;
    else if (code === 0 && (first & TYPE_BITS) === 0x20) this.#acknowledged ||= this.#updated;
    else if (code >= 0x80) this.#refused++;
  }

  #onObserve(request: Buffer, token: Buffer): void {
    this.#token = Buffer.from(token);
    const head = Buffer.from([ACK | token.length, CONTENT, request[2]!, request[3]!, ...token]);
    this.#send(Buffer.concat([head, Buffer.from([0x61, 1, 0x60, 0xff]), Buffer.from('21.5')]));
  }
}

/** Delta and length up to 268 bytes (RFC 7252 §3.1). */
function option(delta: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const head = bytes.length < 13 ? [(delta << 4) | bytes.length] : [(delta << 4) | 13, bytes.length - 13];
  return Buffer.concat([Buffer.from(head), bytes]);
}

function locationOf(options: Buffer): Buffer[] {
  const segments: Buffer[] = [];
  let number = 0;
  for (let at = 0; at < options.length && options[at] !== 0xff; ) {
    const head = options[at++]!;
    number += head >> 4;
    let length = head & 0x0f;
    if (length === 13) length = 13 + options[at++]!;
    if (number === LOCATION_PATH) segments.push(options.subarray(at, at + length));
    at += length;
  }
  return segments;
}
