import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type CoapMessage, messageTypeOf, readMessage } from '../../lwm2m/coap/message.ts';
import type { Peer } from '../../lwm2m/coap/transport.ts';
import { answers, type Live, notifications, type Template, unasked } from './corpus.ts';
import { FuzzedServer, peerNumber } from './fuzzed-server.ts';
import { Dice, mutated } from './mutation.ts';

/** Devices that register, are observed and answer; the others never answer, so nothing ever proves their addresses. */
const DEVICES = 100;
const STRANGERS = 2_000;
/** After so many datagrams the timers get their turn, and the clock goes on. */
const BATCH = 2_000;
const BATCH_LASTS_MS = 8_000;
/** Tokens of observations, and Locations, that are kept to be used again: the newest. */
const KEPT = 200;
const MOST_REPLY_FACTOR = 3;
const MOST_ASKED = 10_000;
/** The heap may grow so much from the first measurement, taken after this share of the run. */
const WARM_UP = 0.5;
const GROWTH_BYTES = 24 * 2 ** 20;
const LOOKS = 5;

export interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  readonly seconds: number;
  readonly onProgress?: (done: number) => void;
}

export interface FuzzResult {
  readonly datagrams: number;
  readonly seconds: number;
  readonly registrations: number;
  readonly notifications: number;
  readonly answered: number;
  readonly growthBytes: number;
}

/** A finding: what broke, and the datagram that broke it. */
export class FuzzFailure extends Error {
  constructor(what: string, number: number, datagram: Buffer) {
    super(`${what} at datagram ${number}: ${datagram.toString('hex')}`);
  }
}

class Fuzz {
  readonly #dice: Dice;
  readonly #unasked: readonly Template[] = unasked();
  readonly #notifications: readonly Template[] = notifications();
  readonly #answers: readonly Template[] = answers();
  readonly #devices = Array.from({ length: DEVICES }, (_, i) => peerNumber(i));
  readonly #strangers = Array.from({ length: STRANGERS }, (_, i) => peerNumber(65_536 + i));
  /** Longest datagram of each stranger by message id and by token: what a reply is measured by. Two generations. */
  #asked = new Map<string, number>();
  #askedBefore = new Map<string, number>();
  readonly #registrationIds: string[] = ['none'];
  readonly #observations: { readonly token: Buffer; readonly peer: Peer }[] = [];
  /** Requests of the server that wait for a device. */
  readonly #requests: { readonly peer: Peer; readonly messageId: number; readonly token: Buffer }[] = [];
  #fault: string | undefined;
  #last: Buffer = Buffer.alloc(0);
  #number = 0;
  answered = 0;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  /** Called for everything that the server sends. */
  sent(bytes: Uint8Array, peer: Peer): void {
    const datagram = bytes as Buffer;
    const message = readMessage(datagram);
    if (typeof message === 'string') {
      this.#fault ??= `the server sent what is no CoAP (${message})`;
      return;
    }
    const isRequest = message.code.startsWith('0.') && message.code !== '0.00';
    if (!isRequest && peer.address.startsWith('10.1.')) this.#measure(datagram, message.messageId, message.token, peer);
    if (peer.address.startsWith('10.1.')) return;
    if (!isRequest) this.#noteLocation(message.options.locationPath);
    else this.#noteRequest(message, peer);
  }

  #noteLocation(path: readonly string[]): void {
    if (path.length === 2) keep(this.#registrationIds, path[1]!);
  }

  #noteRequest({ messageId, token: view, options }: CoapMessage, peer: Peer): void {
    const token = Buffer.alloc(view.length); // of its own, not a part of a pooled buffer
    view.copy(token);
    this.#requests.push({ peer, messageId, token });
    if (options.observe === 0) keep(this.#observations, { token, peer });
  }

  #measure(datagram: Buffer, messageId: number, token: Buffer, { key }: Peer): void {
    this.answered++;
    const type = messageTypeOf(datagram);
    const asked = type === 'ACK' || type === 'RST' ? `${key}m${messageId}` : `${key}t${token.toString('latin1')}`;
    const bytes = Math.max(this.#asked.get(asked) ?? 0, this.#askedBefore.get(asked) ?? 0);
    if (datagram.length > bytes * MOST_REPLY_FACTOR) {
      this.#fault ??= `a reply of ${datagram.length} bytes (${datagram.toString('hex')}) to ${bytes} bytes`;
    }
  }

  /** One datagram of anybody. */
  step(server: FuzzedServer): void {
    const dice = this.#dice;
    const request = this.#requests.length > 0 && dice.roll(4) > 0 ? this.#requests.pop() : undefined;
    const kind = request === undefined ? dice.roll(8) : -1;
    const stranger = kind === 0 || kind === 1;
    const observation = kind > 3 && this.#observations.length > 0 ? dice.pick(this.#observations) : undefined;
    const device = dice.roll(DEVICES);
    const known = request ?? observation;
    const peer = known?.peer ?? (stranger ? dice.pick(this.#strangers) : this.#devices[device]!);
    const live: Live = {
      messageId: request?.messageId ?? dice.roll(65_536),
      token: known?.token ?? Buffer.from([dice.roll(256), dice.roll(256), device]),
      registrationId: dice.pick(this.#registrationIds),
      endpointName: stranger ? `s${dice.roll(500)}` : `d${device}`,
    };
    const templates =
      request !== undefined ? this.#answers : observation === undefined ? this.#unasked : this.#notifications;
    const template = dice.pick(templates);
    const datagram = mutated(template(live), dice);
    if (stranger) this.#note(datagram, peer);
    this.#last = Buffer.from(datagram);
    this.#number++;
    server.receive(datagram, peer);
  }

  #note(datagram: Buffer, { key }: Peer): void {
    if (datagram.length < 4) return;
    const note = (asked: string): void => {
      this.#asked.set(asked, Math.max(this.#asked.get(asked) ?? 0, datagram.length));
    };
    note(`${key}m${datagram.readUInt16BE(2)}`);
    note(`${key}t${datagram.subarray(4, 4 + (datagram[0]! & 15)).toString('latin1')}`);
  }

  /** @throws FuzzFailure */
  check(server: FuzzedServer): void {
    const { internalFailures, handlerFailures } = server.endpoint.counters;
    const fault =
      this.#fault ??
      server.errors[0] ??
      (internalFailures + handlerFailures > 0
        ? `${internalFailures} internal, ${handlerFailures} handler failures`
        : undefined);
    if (fault !== undefined) throw new FuzzFailure(fault, this.#number, this.#last);
  }

  endBatch(): void {
    if (this.#asked.size > MOST_ASKED) {
      this.#askedBefore = this.#asked;
      this.#asked = new Map();
    }
    this.#requests.splice(0, Math.max(0, this.#requests.length - DEVICES));
  }

  failure(error: unknown): FuzzFailure {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return new FuzzFailure(`not caught: ${text}`, this.#number, this.#last);
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > KEPT) list.shift();
}

/** Runs until the count or the time is reached. Rejects FuzzFailure. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const run = new Fuzz(options.seed);
  const server = await FuzzedServer.open((datagram, peer) => run.sent(datagram, peer));
  let uncaught: unknown;
  const onUncaught = (error: unknown): void => {
    uncaught ??= error;
  };
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
  const started = performance.now();
  let warmHeap: number | undefined;
  let done = 0;
  try {
    while (done < options.count && performance.now() - started < options.seconds * 1_000) {
      for (let i = 0; i < BATCH && done < options.count; i++, done++) {
        run.step(server);
        if ((i & 15) === 0) await undefined; // what waits for Kafka goes on
      }
      await new Promise((resolve) => setImmediate(resolve));
      server.advance(BATCH_LASTS_MS);
      run.endBatch();
      run.check(server);
      if (uncaught !== undefined) throw run.failure(uncaught);
      if (warmHeap === undefined && done >= options.count * WARM_UP) warmHeap = await heapAfterGc();
      options.onProgress?.(done);
    }
    const growthBytes = warmHeap === undefined ? 0 : (await heapAfterGc()) - warmHeap;
    if (growthBytes > GROWTH_BYTES) throw run.failure(new Error(`the heap grew by ${growthBytes} bytes`));
    const { registrations_new, notifications_recorded } = server.counters;
    return {
      datagrams: done,
      seconds: (performance.now() - started) / 1_000,
      registrations: registrations_new,
      notifications: notifications_recorded,
      answered: run.answered,
      growthBytes,
    };
  } finally {
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
    await server.close();
  }
}

/** The least of several looks: what lies outside the heap is given back some time after its collection. */
async function heapAfterGc(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let least = Infinity;
  for (let look = 0; look < LOOKS; look++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}
