import { type ResourceLimits, Worker } from 'node:worker_threads';
import { type ErrorCode, messageOf, PlatformError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BatchPart, BatchSender, Refusal } from './batch-sender.ts';
import type { KafkaAddress } from './client.ts';
import type { FenceOptions } from './producer-fence.ts';

/** What the thread is started with. */
export interface SenderStart {
  readonly address: KafkaAddress;
  readonly fence: FenceOptions | undefined;
}

/** What the service's thread tells the sender's: a batch, whose parts stand one after another in a slab. */
export type ToSender =
  | { readonly kind: 'batch'; readonly slab: Uint8Array; readonly parts: readonly SharedPart[] }
  | { readonly kind: 'close' };

export interface SharedPart {
  readonly topic: string;
  readonly count: number;
  readonly length: number;
}

/** What comes back: the fate of the oldest batch, a line for the log, or that all is closed. */
export type FromSender =
  | { readonly kind: 'done'; readonly refusals: readonly Refusal[] }
  | { readonly kind: 'givenUp'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; fields: object; message: string }
  | { readonly kind: 'closed' };

const FIRST_SLAB_BYTES = 128 * 2 ** 10;

interface Waiting {
  readonly slab: Uint8Array;
  readonly resolve: (refusals: readonly Refusal[]) => void;
  readonly reject: (error: PlatformError) => void;
}

/**
 * A sender in a thread of its own, so that framing, checksums and Kafka's sockets take no time from the thread that serves devices.
 * Batches go over in shared memory: handing buffers over for good would make every access to any buffer slower from then on
 * (V8 then has to check each time whether it is still there). When the thread ends by a fault, what was in flight is unknown:
 * everything is rejected with KAFKA_SENDER_ENDED from then on.
 */
export class ThreadedSender implements BatchSender {
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #waiting: Waiting[] = [];
  /** As many as batches were ever under way at once. */
  readonly #freeSlabs: Uint8Array[] = [];
  readonly #closed: Promise<void>;
  #ended: PlatformError | undefined;
  onEnded: ((error: PlatformError) => void) | undefined = undefined;

  /** @param o.resourceLimits of the thread; Node's own when absent */
  constructor(
    address: KafkaAddress,
    log: Log,
    o: { readonly fence?: FenceOptions | undefined; readonly resourceLimits?: ResourceLimits } = {},
  ) {
    this.#log = log;
    const start: SenderStart = {
      address: { brokers: [...address.brokers], clientId: address.clientId },
      fence: o.fence && { id: o.fence.id, topics: [...o.fence.topics] },
    };
    const { resourceLimits } = o;
    this.#worker = new Worker(new URL('./sender-thread.ts', import.meta.url), {
      workerData: start,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    this.#worker.on('message', (message: FromSender) => this.#receive(message));
    this.#worker.on('error', (fault) => this.#end(senderEnded(messageOf(fault), fault)));
    this.#closed = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#end(senderEnded(`its thread ended with ${code}`));
        resolve();
      });
    });
  }

  send(parts: readonly BatchPart[]): Promise<readonly Refusal[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const slab = this.#slabFor(parts.reduce((sum, { bytes }) => sum + bytes.length, 0));
    let at = 0;
    for (const { bytes } of parts) {
      slab.set(bytes, at);
      at += bytes.length;
    }
    const shared = parts.map(({ topic, count, bytes }) => ({ topic, count, length: bytes.length }));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ slab, resolve, reject });
      this.#post({ kind: 'batch', slab, parts: shared });
    });
  }

  async close(): Promise<void> {
    this.#ended ??= new PlatformError('SHUTTING_DOWN', 'the producer was closed before Kafka answered');
    this.#post({ kind: 'close' });
    await this.#closed;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }

  /** The first reason stays. */
  #end(error: PlatformError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.onEnded?.(error);
  }

  #slabFor(bytes: number): Uint8Array {
    const free = this.#freeSlabs.pop();
    if (free !== undefined && free.length >= bytes) return free;
    return new Uint8Array(new SharedArrayBuffer(Math.max(FIRST_SLAB_BYTES, 2 ** Math.ceil(Math.log2(bytes + 1)))));
  }

  #post(message: ToSender): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromSender): void {
    if (message.kind === 'log') this.#log[message.level](message.fields, message.message);
    else if (message.kind !== 'closed') {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      this.#freeSlabs.push(waiting.slab);
      if (message.kind === 'done') waiting.resolve(message.refusals);
      else this.#giveUp(waiting, new PlatformError(message.code, message.message));
    }
  }

  #giveUp(waiting: Waiting, error: PlatformError): void {
    waiting.reject(error);
    if (error.code !== 'SHUTTING_DOWN') this.#end(error);
  }
}

function senderEnded(reason: string, cause?: unknown): PlatformError {
  return new PlatformError('KAFKA_SENDER_ENDED', `the thread that writes to Kafka ended: ${reason}`, { cause });
}
