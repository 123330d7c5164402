import { Worker } from 'node:worker_threads';
import { PlatformError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BatchPart, BatchSender, Refusal } from './batch-sender.ts';
import type { KafkaAddress } from './client.ts';

/** What the service's thread tells the sender's. */
export type ToSender =
  | { readonly kind: 'batch'; readonly parts: readonly { topic: string; count: number; bytes: Uint8Array }[] }
  | { readonly kind: 'close' };

/** What comes back: the fate of the oldest batch with its memory, a line for the log, or that all is closed. */
export type FromSender =
  | { readonly kind: 'done'; readonly refusals: readonly Refusal[]; readonly memory: readonly Uint8Array[] }
  | { readonly kind: 'givenUp' }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; fields: object; message: string }
  | { readonly kind: 'closed' };

/** Buffers kept for the next batches; more than these, and larger ones, are left to the collector. */
const KEPT_BUFFERS = 8;
const KEPT_BUFFER_BYTES = 2 ** 20;

interface Waiting {
  readonly resolve: (refusals: readonly Refusal[]) => void;
  readonly reject: (error: PlatformError) => void;
}

/**
 * A sender in a thread of its own, so that framing, checksums and Kafka's sockets take no time from the thread that serves devices.
 * Batches move there and back without being copied. A fault in the thread ends the process: what was in flight is then unknown.
 */
export class ThreadedSender implements BatchSender {
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #waiting: Waiting[] = [];
  readonly #memory: Buffer[] = [];
  readonly #closed: Promise<void>;

  constructor(address: KafkaAddress, log: Log) {
    this.#log = log;
    this.#worker = new Worker(new URL('./sender-thread.ts', import.meta.url), {
      workerData: { brokers: [...address.brokers], clientId: address.clientId } satisfies KafkaAddress,
    });
    this.#closed = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.on('message', (message: FromSender) => this.#receive(message));
  }

  send(parts: readonly BatchPart[]): Promise<readonly Refusal[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#post(
        { kind: 'batch', parts },
        parts.map(({ bytes }) => bytes.buffer as ArrayBuffer),
      );
    });
  }

  takeBack(): Buffer | undefined {
    return this.#memory.pop();
  }

  async close(): Promise<void> {
    this.#post({ kind: 'close' });
    await this.#closed;
    for (const { reject } of this.#waiting.splice(0)) reject(givenUp());
  }

  #post(message: ToSender, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  #receive(message: FromSender): void {
    if (message.kind === 'log') this.#log[message.level](message.fields, message.message);
    else if (message.kind === 'givenUp') this.#waiting.shift()?.reject(givenUp());
    else if (message.kind === 'done') {
      for (const { buffer } of message.memory) this.#keep(Buffer.from(buffer));
      this.#waiting.shift()?.resolve(message.refusals);
    }
  }

  #keep(memory: Buffer): void {
    if (this.#memory.length < KEPT_BUFFERS && memory.length <= KEPT_BUFFER_BYTES) this.#memory.push(memory);
  }
}

function givenUp(): PlatformError {
  return new PlatformError('SHUTTING_DOWN', 'the producer was closed before Kafka answered');
}
