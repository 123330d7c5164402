import { hasCode, messageOf, PlatformError } from '../errors.ts';
import { sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { BatchSender, Refusal } from './batch-sender.ts';
import { type OnCommitted, OutgoingBatch, type OutgoingRecord } from './outgoing-batch.ts';

export type { OnCommitted, OutgoingRecord } from './outgoing-batch.ts';

export interface ProducerLimits {
  /** Records and bytes that may wait for Kafka, those in flight included; beyond them `append` throws KAFKA_BACKLOG_FULL. */
  readonly backlogRecords: number;
  readonly backlogBytes: number;
  readonly batchRecords: number;
  /** Below the broker's message.max.bytes (1 MiB), since one batch of ours makes at most one of Kafka's per partition. */
  readonly batchBytes: number;
}

const DEFAULT_LIMITS: ProducerLimits = {
  backlogRecords: 50_000,
  backlogBytes: 32 * 2 ** 20,
  batchRecords: 2_000,
  batchBytes: 900_000,
};

/** Batches handed to the sender and not settled. More than one makes batches small, which costs all three processes more than it gains. */
const UNDER_WAY = 1;

const FIRST_MEMORY_BYTES = 64 * 2 ** 10;

/** Buffers kept for the next batches; more than these are left to the collector. */
const KEPT_BUFFERS = 12;

interface UnderWay {
  readonly batch: OutgoingBatch;
  sinceMs: number;
}

/**
 * Appends records in one order and tells of each when it is committed on all in-sync replicas. An outage shows as a growing backlog,
 * which is bounded.
 */
export class CommittingProducer {
  readonly #sender: BatchSender;
  readonly #log: Log;
  readonly #limits: ProducerLimits;
  readonly #queue: OutgoingBatch[] = [];
  readonly #underWay: UnderWay[] = [];
  readonly #memory: Buffer[] = [];
  #open: OutgoingBatch;
  #records = 0;
  #bytes = 0;
  #immediate: NodeJS.Immediate | undefined;
  #closed = false;
  /** Told once when nothing can be written any more (SERVER_FENCED, KAFKA_SENDER_ENDED): the process must end. */
  onEnded: ((error: PlatformError) => void) | undefined = undefined;

  constructor(sender: BatchSender, log: Log, limits: Partial<ProducerLimits> = {}) {
    this.#sender = sender;
    this.#log = log;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#open = this.#newBatch();
    sender.onEnded = (error) => this.#end(error);
  }

  /** Records that wait for Kafka, those in flight included. */
  get backlog(): number {
    return this.#records;
  }

  /** Milliseconds that the oldest batch waits for Kafka; 0 when none is. A broker that hangs shows as one that is away does. */
  failingForMs(): number {
    const oldest = this.#underWay[0];
    return oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
  }

  /** Resolves when nothing waits any more or after the time. */
  async flush(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    while (this.backlog > 0 && performance.now() < deadline) await sleep(20);
  }

  /**
   * Errors: KAFKA_BACKLOG_FULL (retriable), KAFKA_REFUSED (a record larger than a batch may be), SHUTTING_DOWN.
   * They are thrown, nothing was taken then, and `onCommitted` is not called.
   */
  append(record: OutgoingRecord, onCommitted?: OnCommitted): void {
    const bytes = this.#sizeOf(record);
    this.#checkRoom(1, bytes);
    this.#enqueue(record, bytes, onCommitted);
    this.#schedule();
  }

  /**
   * As `append` for several: all are taken, in this order, or none. `onCommitted` is called once the fate of each is known:
   * without an error when all are committed, else with the first one's.
   */
  appendAll(records: readonly OutgoingRecord[], onCommitted?: OnCommitted): void {
    let bytes = 0;
    for (const record of records) bytes += this.#sizeOf(record);
    this.#checkRoom(records.length, bytes);
    if (records.length === 0) {
      queueMicrotask(() => onCommitted?.());
      return;
    }
    const onEach = onCommitted === undefined ? undefined : onceForAll(records.length, onCommitted);
    for (const record of records) this.#enqueue(record, this.#sizeOf(record), onEach);
    this.#schedule();
  }

  /** As `appendAll`, for callers that await. */
  async commit(...records: readonly OutgoingRecord[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.appendAll(records, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** Waits up to `graceMs` for what was appended, then fails the rest with SHUTTING_DOWN. */
  async close(graceMs = 5_000): Promise<void> {
    await this.flush(graceMs);
    this.#closed = true;
    clearImmediate(this.#immediate);
    await this.#sender.close();
    this.#giveUpWaiting();
  }

  /** For those who wait it is the same as a stop: nothing was refused, whoever sent it may send it again elsewhere. */
  #giveUpWaiting(): void {
    const left = [...this.#queue.splice(0), this.#open];
    this.#open = this.#newBatch();
    const error = new PlatformError('SHUTTING_DOWN', 'the producer was closed before Kafka answered');
    for (const batch of left) this.#settle(batch, () => error);
  }

  #end(error: PlatformError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#giveUpWaiting();
    this.onEnded?.(error);
  }

  #newBatch(): OutgoingBatch {
    return new OutgoingBatch(() => this.#memory.pop() ?? Buffer.allocUnsafeSlow(FIRST_MEMORY_BYTES));
  }

  #sizeOf(record: OutgoingRecord): number {
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    if (bytes > this.#limits.batchBytes) {
      throw new PlatformError(
        'KAFKA_REFUSED',
        `a record of ${bytes} bytes for ${record.topic} is larger than ${this.#limits.batchBytes}`,
      );
    }
    return bytes;
  }

  #checkRoom(records: number, bytes: number): void {
    if (this.#closed) throw new PlatformError('SHUTTING_DOWN', 'the producer is closed');
    const { backlogRecords, backlogBytes } = this.#limits;
    if (this.#bytes + bytes > backlogBytes || this.#records + records > backlogRecords) {
      throw new PlatformError('KAFKA_BACKLOG_FULL', `${this.backlog} records wait for Kafka`);
    }
  }

  #enqueue(record: OutgoingRecord, bytes: number, onCommitted: OnCommitted | undefined): void {
    const { batchRecords, batchBytes } = this.#limits;
    const open = this.#open;
    if (open.records > 0 && (open.records >= batchRecords || open.bytes + bytes > batchBytes)) {
      this.#queue.push(open);
      this.#open = this.#newBatch();
    }
    this.#open.append(record, bytes, onCommitted);
    this.#records++;
    this.#bytes += bytes;
  }

  /** A lone record leaves at once, with what else this turn of the loop brings; company gathers while a batch is under way. */
  #schedule(): void {
    if (this.#immediate !== undefined || this.#underWay.length >= UNDER_WAY) return;
    this.#immediate = setImmediate(() => this.#handOver());
  }

  /** Gives the oldest waiting batches to the sender, as many as may be under way. */
  #handOver(): void {
    this.#immediate = undefined;
    while (this.#underWay.length < UNDER_WAY && !this.#closed) {
      const next = this.#queue.shift() ?? this.#takeOpen();
      if (next === undefined) return;
      this.#underWay.push({ batch: next, sinceMs: performance.now() });
      void this.#send(next);
    }
  }

  #takeOpen(): OutgoingBatch | undefined {
    const open = this.#open;
    if (open.records === 0) return undefined;
    this.#open = this.#newBatch();
    return open;
  }

  async #send(batch: OutgoingBatch): Promise<void> {
    let errorOf: (part: number, index: number) => PlatformError | undefined;
    try {
      const refusals = await this.#sender.send(batch.parts());
      errorOf = refusals.length === 0 ? () => undefined : refusalsByPlace(refusals);
    } catch (error) {
      const ended = new PlatformError('SHUTTING_DOWN', 'nothing is written any more', { cause: error });
      errorOf = () => ended;
      if (!hasCode(error, 'SHUTTING_DOWN')) this.#end(asEnd(error));
    }
    for (const memory of batch.memory()) if (this.#memory.length < KEPT_BUFFERS) this.#memory.push(memory);
    const now = performance.now();
    this.#underWay.shift();
    const next = this.#underWay[0];
    if (next !== undefined) next.sinceMs = now;
    if (this.#queue.length > 0 || this.#open.records > 0) this.#handOver();
    this.#settle(batch, errorOf);
  }

  #settle(batch: OutgoingBatch, errorOf: (part: number, index: number) => PlatformError | undefined): void {
    this.#records -= batch.records;
    this.#bytes -= batch.bytes;
    batch.settle(errorOf, (fault) => this.#log.error({ err: fault }, 'a fault after a commit'));
  }
}

function asEnd(error: unknown): PlatformError {
  return error instanceof PlatformError ? error : new PlatformError('INTERNAL', messageOf(error), { cause: error });
}

function onceForAll(count: number, onCommitted: OnCommitted): OnCommitted {
  let left = count;
  let first: PlatformError | undefined;
  return (error) => {
    first ??= error;
    left--;
    if (left === 0) onCommitted(first);
  };
}

function refusalsByPlace(refusals: readonly Refusal[]) {
  const errors = new Map(
    refusals.map(({ part, index, code, message }) => [`${part}/${index}`, new PlatformError(code, message)]),
  );
  return (part: number, index: number) => errors.get(`${part}/${index}`);
}
