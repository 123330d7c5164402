import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, messageIdOf, optionsOf, raw, tokenOf, typeOf } from '../lockstep/coap-raw-peer.ts';

/**
 * Run as a process: so many devices, each with a socket of its own, that all start within a time, register as RFC 7252 §4.2 and
 * §5.9.3.4 say, and let themselves be observed. Tells its parent how far it is, ten times a second.
 */
export interface RebootingFleetOptions {
  readonly port: number;
  readonly devices: number;
  readonly withinMs: number;
}

export interface RebootCounts {
  registered: number;
  observed: number;
  /** 5.03 with Max-Age. */
  shed: number;
  /** Registrations given up after MAX_RETRANSMIT, and begun anew. */
  gaveUp: number;
  /** Anything else that came. */
  unexpected: string[];
}

const OBSERVE = 6;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const MAX_AGE = 14;
const URI_QUERY = 15;
const ACK_TIMEOUT_MS = 2_000;
const ACK_RANDOM_FACTOR = 1.5;
const MAX_RETRANSMIT = 4;

const counts: RebootCounts = { registered: 0, observed: 0, shed: 0, gaveUp: 0, unexpected: [] };

class Device {
  readonly #ep: string;
  readonly #port: number;
  readonly #socket: Socket;
  #messageId = Math.floor(Math.random() * 0x10000);
  #timer: NodeJS.Timeout | undefined;
  #token = '';
  #registered = false;
  #observed = false;

  constructor(number: number, port: number) {
    this.#ep = `reboot-${number}`;
    this.#port = port;
    this.#socket = createSocket('udp4', (datagram) => this.#receive(datagram));
  }

  register(): void {
    this.#messageId = (this.#messageId + 1) & 0xffff;
    this.#token = this.#messageId.toString(16).padStart(4, '0');
    const query = [`ep=${this.#ep}`, 'lt=3600', 'lwm2m=1.0', 'b=U'].map((part) => [URI_QUERY, part] as const);
    const options = [[URI_PATH, 'rd'], [CONTENT_FORMAT, 40], ...query] as const;
    const request = raw({
      code: '0.02',
      messageId: this.#messageId,
      token: this.#token,
      options,
      payload: '</3303/0>',
    });
    this.#transmit(request, 0, ACK_TIMEOUT_MS * (1 + Math.random() * (ACK_RANDOM_FACTOR - 1)));
  }

  #transmit(request: Buffer, attempt: number, timeoutMs: number): void {
    this.#send(request);
    this.#timer = setTimeout(() => {
      if (attempt < MAX_RETRANSMIT) this.#transmit(request, attempt + 1, timeoutMs * 2);
      else {
        counts.gaveUp++;
        this.register();
      }
    }, timeoutMs);
  }

  #receive(datagram: Buffer): void {
    const code = codeOf(datagram);
    if (code === '0.01') this.#answerObserve(datagram);
    else if (tokenOf(datagram) === this.#token && code >= '2') this.#settle(datagram, code);
    // The request was heard, the answer will come in a message of its own (RFC 7252 §5.2.2).
    else if (code === '0.00' && messageIdOf(datagram) === this.#messageId) clearTimeout(this.#timer);
  }

  #settle(datagram: Buffer, code: string): void {
    clearTimeout(this.#timer);
    if (typeOf(datagram) === 'CON') this.#send(raw({ type: 'ACK', code: '0.00', messageId: messageIdOf(datagram) }));
    if (this.#registered) return;
    const maxAge = optionsOf(datagram).get(MAX_AGE)?.[0];
    if (code === '2.01') {
      this.#registered = true;
      counts.registered++;
    } else if (code === '5.03' && maxAge !== undefined && maxAge.length > 0) {
      counts.shed++;
      this.#timer = setTimeout(() => this.register(), maxAge.readUIntBE(0, maxAge.length) * 1_000);
    } else if (counts.unexpected.length < 10) counts.unexpected.push(code);
  }

  #answerObserve(datagram: Buffer): void {
    if (!this.#observed) counts.observed++;
    this.#observed = true;
    const options = [
      [OBSERVE, 1],
      [CONTENT_FORMAT, 0],
    ] as const;
    const messageId = messageIdOf(datagram);
    this.#send(raw({ type: 'ACK', code: '2.05', messageId, token: tokenOf(datagram), options, payload: '21.5' }));
  }

  #send(datagram: Buffer): void {
    this.#socket.send(datagram, this.#port, '127.0.0.1');
  }
}

async function run({ port, devices, withinMs }: RebootingFleetOptions): Promise<void> {
  const fleet = Array.from({ length: devices }, (_, number) => new Device(number, port));
  setInterval(() => process.send?.(counts), 100);
  process.once('disconnect', () => process.exit());
  const startedAt = performance.now();
  for (const [number, device] of fleet.entries()) {
    const waitMs = startedAt + (number * withinMs) / devices - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    device.register();
  }
}

if (process.send !== undefined) process.once('message', (options: RebootingFleetOptions) => void run(options));
