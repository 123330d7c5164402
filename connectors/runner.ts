import { type ErrorCode, PlatformError } from '../common/errors.ts';
import type { FetchedBatch, TakenBatch } from '../common/kafka/consume-bytes.ts';
import type { Log } from '../common/log.ts';
import { type Chunk, Chunks } from './chunks.ts';
import type { ConnectorMetrics } from './connector-metrics.ts';
import type { DeadLetters } from './dead-letters.ts';
import { type DecodedRecord, type PoisonRecord, poisonOf, type ValueDecoder } from './decode.ts';
import { Patience, type StoreFailurePolicy, StoreGivenUp, TaskFailure } from './patience.ts';
import { type ByteSink, isByteSink, type Sink, type SkipReason, type Skips } from './sink.ts';
import { StoreConnection } from './store-connection.ts';

export { TaskFailure } from './patience.ts';

export interface RunnerOptions {
  readonly sink: Sink;
  readonly decoder: ValueDecoder;
  readonly deadLetters: Pick<DeadLetters, 'bury'>;
  readonly metrics: ConnectorMetrics;
  readonly log: Log;
  /** Most records that one write hands to the sink. */
  readonly batchRecords: number;
  /** What to do when the store fails; absent: wait for it as long as it takes. */
  readonly onStoreFailure?: StoreFailurePolicy;
  /** `none`: a record that can never be stored ends the task instead of going to the dead-letter topic. */
  readonly tolerance?: 'all' | 'none';
  /** Told why it waits, and undefined when it goes on. */
  onWaiting(reason: string | undefined): void;
}

/** What became of a chunk. */
interface Stored {
  readonly total: number;
  readonly skipped: Skips;
  readonly poison: readonly PoisonRecord[];
}

/** For each chunk that may be on its way: so many that are stored or on their way, and wait for one before them to be told of. */
const UNTOLD_FOR_EACH = 2;

/**
 * Brings batches from Kafka into a sink. A batch is done only when each of its records is in the store, skipped with a reason or in the
 * dead-letter topic, so that its offsets may be committed. Invariant: nothing else counts as done.
 */
export class Runner {
  readonly #o: RunnerOptions;
  readonly #patience: Patience;
  readonly #chunks: Chunks;
  readonly #byteSink: ByteSink | undefined;
  readonly #connection: StoreConnection;
  readonly #storing = new Set<Promise<unknown>>();
  readonly #untold = new Set<Promise<unknown>>();
  /** Of a batch's signal: what a chunk failed with, after which no other of that membership is begun. */
  readonly #failures = new WeakMap<AbortSignal, { readonly error: unknown }>();
  /** Settles when all chunks that were begun have been told of. */
  #told: Promise<unknown> = Promise.resolve();

  constructor(o: RunnerOptions) {
    this.#o = o;
    this.#patience = new Patience(o);
    this.#connection = new StoreConnection(o.sink, o.metrics);
    this.#byteSink = isByteSink(o.sink) ? o.sink : undefined;
    this.#chunks = new Chunks({ ...o, patience: this.#patience, byteSink: this.#byteSink });
  }

  /**
   * Opens the store, waiting for it as the policy says. Throws when the signal is aborted or the sink has a fault of its own;
   * a TaskFailure by policy THROW, or when RETRY has come to its end.
   */
  async connect(signal: AbortSignal): Promise<void> {
    try {
      await this.#patience.outlastStore(signal, () => this.#connection.ensure(signal));
    } catch (error) {
      if (!(error instanceof StoreGivenUp)) throw error;
    }
  }

  /**
   * For `consumeBytes`: resolves when all chunks of the batch are on their way; holds it for as long as the store, the registry or Kafka
   * is away. Chunks are begun in the order of the topic, and as many are written at once as the sink says; one where it says nothing.
   */
  async handle(batch: FetchedBatch): Promise<TakenBatch> {
    const { metrics } = this.#o;
    const finished = metrics.take();
    const chunks: Promise<void>[] = [];
    try {
      let next = batch.from;
      for await (const chunk of this.#chunks.of(batch)) {
        chunks.push((await this.#begin(batch, chunk)).settled);
        next = chunk.next;
      }
      if (next < batch.next) this.#tellEnd(batch);
    } catch (error) {
      await Promise.allSettled(chunks);
      finished();
      throw error;
    }
    const done = Promise.all(chunks);
    done.then(finished, finished);
    return { done };
  }

  /** Waits until it may be written. */
  async #begin(batch: FetchedBatch, chunk: Chunk): Promise<{ readonly settled: Promise<void> }> {
    const { signal } = batch;
    const atOnce = this.#byteSink?.chunksAtOnce ?? 1;
    while (this.#storing.size >= atOnce) await Promise.race(this.#storing);
    while (this.#untold.size >= UNTOLD_FOR_EACH * atOnce) await Promise.race(this.#untold);
    signal.throwIfAborted();
    const failure = this.#failures.get(signal);
    if (failure !== undefined) throw failure.error;
    const storing = this.#storeChunk(batch, chunk);
    const settled = this.#tell(batch, chunk, storing, this.#told);
    this.#told = settled.catch((error: unknown) => void this.#failures.set(signal, { error }));
    holdUntilSettled(this.#storing, storing);
    holdUntilSettled(this.#untold, this.#told);
    return { settled };
  }

  /** Into the store, as far as it takes it. */
  async #storeChunk(batch: FetchedBatch, chunk: Chunk): Promise<Stored> {
    const skipped: Skips = {};
    const { decoded, poison: unreadable, tombstones, total } = await this.#storeBytes(batch, chunk, skipped);
    const poison = [...unreadable];
    await this.#store(decoded, batch.signal, skipped, poison);
    if (tombstones > 0) skipped.tombstone = tombstones;
    return { total, skipped, poison };
  }

  /** @param before settles when the chunks before are told of: those that are written at once are told of in their order */
  async #tell(batch: FetchedBatch, chunk: Chunk, storing: Promise<Stored>, before: Promise<unknown>): Promise<void> {
    const { deadLetters, metrics } = this.#o;
    const { signal, topic, partition } = batch;
    const { total, skipped, poison } = await storing;
    await before;
    if (poison.length > 0) {
      if (this.#o.tolerance === 'none') throw failureOf(batch, poison[0]!);
      await this.#patience.outlast(signal, () => deadLetters.bury(batch, poison, signal));
      this.#reportPoison(batch, poison);
    }
    metrics.settle(topic, { total, skipped, poison: countByCode(poison) });
    metrics.lag(topic, partition, lagBehind(batch, chunk.next));
  }

  /** Behind the last record of a batch may stand what is none: markers of transactions, or records of those that were aborted. */
  #tellEnd(batch: FetchedBatch): void {
    const { topic, partition, signal, next } = batch;
    this.#told = this.#told.then(() => {
      if (!this.#failures.has(signal)) this.#o.metrics.lag(topic, partition, lagBehind(batch, next));
    });
  }

  /** What is left of the chunk to be stored: all of it, decoded, when the store refuses the bytes. */
  async #storeBytes(batch: FetchedBatch, chunk: Chunk, skipped: Skips): Promise<Chunk> {
    const { bytes, taken, takenForNothing } = chunk;
    const { signal } = batch;
    const sink = this.#byteSink;
    if (sink === undefined || bytes === undefined) return chunk;
    try {
      if (!bytes.isEmpty)
        await this.#patience.outlastStore(signal, () =>
          this.#connection.write(signal, () => sink.writeChunk(bytes, signal)),
        );
      if (takenForNothing > 0) addSkips(skipped, { no_field: takenForNothing });
      sink.release(bytes);
      return chunk;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TaskFailure) throw error;
      if (!(error instanceof StoreGivenUp)) return await this.#chunks.again(batch, chunk);
      addSkips(skipped, { dropped: taken });
      return chunk;
    }
  }

  /** Halves what the sink refuses until each culprit stands alone; log2(n) extra writes for one culprit among n records. */
  async #store(
    decoded: readonly DecodedRecord[],
    signal: AbortSignal,
    skipped: Skips,
    poison: PoisonRecord[],
  ): Promise<void> {
    if (decoded.length === 0) return;
    const records = decoded.map(({ record }) => record);
    const write = () => this.#connection.write(signal, () => this.#o.sink.write(records, signal));
    try {
      addSkips(skipped, await this.#patience.outlastStore(signal, write));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TaskFailure) throw error;
      if (error instanceof StoreGivenUp) {
        addSkips(skipped, { dropped: decoded.length });
        return;
      }
      if (decoded.length === 1) {
        poison.push(poisonOf(decoded[0]!.source, error));
        return;
      }
      const middle = Math.ceil(decoded.length / 2);
      await this.#store(decoded.slice(0, middle), signal, skipped, poison);
      await this.#store(decoded.slice(middle), signal, skipped, poison);
    }
  }

  /** One line per chunk, not per record: a poisoned topic must not flood the log too. */
  #reportPoison(batch: FetchedBatch, poison: readonly PoisonRecord[]): void {
    const { source, code } = poison[0]!;
    this.#o.log.warn(
      { topic: batch.topic, partition: batch.partition, offset: source.offset, code, count: poison.length },
      'records that cannot be stored went to the dead-letter topic; see the reason in their headers',
    );
  }
}

function holdUntilSettled(promises: Set<Promise<unknown>>, work: Promise<unknown>): void {
  const ended: Promise<unknown> = work.then(forget, forget);
  function forget(): void {
    promises.delete(ended);
  }
  promises.add(ended);
}

function lagBehind({ highWatermark }: FetchedBatch, next: number): bigint {
  return BigInt(Math.max(0, highWatermark - next));
}

function failureOf(batch: FetchedBatch, { source, code, message }: PoisonRecord): TaskFailure {
  const place = `${batch.topic} partition ${batch.partition} offset ${source.offset}`;
  return new TaskFailure(new PlatformError(code, `${place}: ${message} (errors.tolerance=none)`));
}

function addSkips(to: Skips, more: Skips): void {
  for (const [reason, count] of Object.entries(more) as [SkipReason, number][]) to[reason] = (to[reason] ?? 0) + count;
}

function countByCode(poison: readonly PoisonRecord[]): ReadonlyMap<ErrorCode, number> {
  const counts = new Map<ErrorCode, number>();
  for (const { code } of poison) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}
