import { type ErrorCode, isRetriable, messageOf, PlatformError } from '../common/errors.ts';
import type { ConsumedBatch } from '../common/kafka/consumer.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import type { ErrorPolicy } from './config/common-config.ts';
import type { ConnectorMetrics } from './connector-metrics.ts';
import type { DeadLetters } from './dead-letters.ts';
import { type DecodedChunk, type DecodedRecord, type PoisonRecord, poisonOf, type ValueDecoder } from './decode.ts';
import type { Sink, SkipReason, Skips } from './sink.ts';

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

export interface StoreFailurePolicy {
  readonly policy: ErrorPolicy;
  /** Attempts after the first, of RETRY; -1 for ever. */
  readonly maxRetries: number;
  /** Longest pause between two attempts. */
  readonly retryIntervalMs: number;
}

/** The task must end: by its policy, or because nothing that it could do would help. */
export class TaskFailure extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'TaskFailure';
  }
}

const FIRST_PAUSE_MS = 100;

/** Well below the session timeout of the consumer (10 s), so that a batch may wait for its store for days. */
const HEARTBEAT_MS = 2_000;

/**
 * Brings batches from Kafka into a sink. `handle` resolves only when each record of the batch is in the store, skipped with a reason
 * or in the dead-letter topic, so that its caller may commit the offsets. Invariant: nothing else counts as done.
 */
export class Runner {
  readonly #o: RunnerOptions;
  #connected = false;

  constructor(o: RunnerOptions) {
    this.#o = o;
  }

  /**
   * Opens the store, waiting for it as the policy says. Throws when the signal is aborted or the sink has a fault of its own;
   * a TaskFailure by policy THROW, or when RETRY has come to its end.
   */
  async connect(signal: AbortSignal): Promise<void> {
    try {
      await this.#outlastStore(signal, () => this.#ensureConnected(signal));
    } catch (error) {
      if (!(error instanceof StoreGivenUp)) throw error;
    }
  }

  /** For `consume`: the batch is held, with heartbeats, for as long as the store, the registry or Kafka is away. */
  async handle(batch: ConsumedBatch): Promise<void> {
    const expelled = new AbortController();
    const signal = AbortSignal.any([batch.signal, expelled.signal]);
    // A failing heartbeat means that the group rebalances: the batch is given up and kafkajs joins again.
    const pulse = setInterval(() => void batch.heartbeat().catch((error) => expelled.abort(error)), HEARTBEAT_MS);
    try {
      await this.#handleChunks(batch, signal);
    } finally {
      clearInterval(pulse);
    }
  }

  /** While a chunk is being written the next is decoded; writes stay one after the other, in the order of the topic. */
  async #handleChunks(batch: ConsumedBatch, signal: AbortSignal): Promise<void> {
    const { decoder, batchRecords } = this.#o;
    let writing: Promise<void> | undefined;
    try {
      for (let at = 0; at < batch.records.length; at += batchRecords) {
        const records = batch.records.slice(at, at + batchRecords);
        const chunk = await this.#outlast(signal, () => decoder.decode(batch, records));
        await writing;
        writing = this.#settleChunk(batch, chunk, signal);
        // Its failure is told by the await above or below; until then it is not unheard.
        writing.catch(() => undefined);
      }
    } finally {
      await writing;
    }
  }

  async #settleChunk(batch: ConsumedBatch, chunk: DecodedChunk, signal: AbortSignal): Promise<void> {
    const { deadLetters, metrics } = this.#o;
    const poison = [...chunk.poison];
    const skipped: Skips = chunk.tombstones > 0 ? { tombstone: chunk.tombstones } : {};
    await this.#store(chunk.decoded, signal, skipped, poison);
    if (poison.length > 0) {
      if (this.#o.tolerance === 'none') throw failureOf(batch, poison[0]!);
      await this.#outlast(signal, () => deadLetters.bury(batch, poison, signal));
      this.#reportPoison(batch, poison);
    }
    const { total, lastOffset } = chunk;
    metrics.settle(batch.topic, { total, skipped, poison: countByCode(poison) });
    metrics.lag(batch.topic, batch.partition, batch.highWatermark - BigInt(lastOffset) - 1n);
  }

  /** Halves what the sink refuses until each culprit stands alone; log2(n) extra writes for one culprit among n records. */
  async #store(
    decoded: readonly DecodedRecord[],
    signal: AbortSignal,
    skipped: Skips,
    poison: PoisonRecord[],
  ): Promise<void> {
    if (decoded.length === 0) return;
    try {
      addSkips(skipped, await this.#outlastStore(signal, () => this.#write(decoded, signal)));
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

  async #write(decoded: readonly DecodedRecord[], signal: AbortSignal): Promise<Skips> {
    await this.#ensureConnected(signal);
    const startedAt = performance.now();
    try {
      const skips = await this.#o.sink.write(
        decoded.map(({ record }) => record),
        signal,
      );
      this.#o.metrics.wrote((performance.now() - startedAt) / 1_000);
      return skips;
    } catch (error) {
      if (isRetriable(error)) this.#connected = false;
      throw error;
    }
  }

  async #ensureConnected(signal: AbortSignal): Promise<void> {
    if (this.#connected) return;
    try {
      await this.#o.sink.connect(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isRetriable(error)) throw error;
      // Not the records' fault, so never a reason to set one aside.
      throw new PlatformError('SINK_UNAVAILABLE', `preparing the store: ${messageOf(error)}`, { cause: error });
    }
    this.#connected = true;
  }

  /** As `outlast`, with the end that the policy sets. */
  async #outlastStore<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const limits = this.#o.onStoreFailure;
    if (limits === undefined) return await this.#outlast(signal, action);
    const retries = limits.policy === 'RETRY' ? limits.maxRetries : 0;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const result = await action();
        if (attempt > 0) this.#reportRecovery();
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!isRetriable(error)) throw error;
        if (limits.policy === 'NOOP') throw this.#givenUp(error as PlatformError);
        if (retries !== -1 && attempt >= retries) throw new TaskFailure(error);
        this.#reportWaiting(error as PlatformError, attempt);
        await sleep(pauseMs(attempt, limits.retryIntervalMs), signal);
      }
    }
  }

  #givenUp(error: PlatformError): StoreGivenUp {
    this.#o.metrics.retried(error.code);
    this.#o.log.warn(
      { code: error.code, reason: error.message },
      'the store failed: its records are dropped (policy NOOP)',
    );
    return new StoreGivenUp();
  }

  /** Repeats with growing pauses what fails in a retriable way; throws the rest, and the signal's reason once it is aborted. */
  async #outlast<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const result = await action();
        if (attempt > 0) this.#reportRecovery();
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!isRetriable(error)) throw error;
        this.#reportWaiting(error as PlatformError, attempt);
        await sleep(backoffMs(attempt), signal);
      }
    }
  }

  #reportWaiting(error: PlatformError, attempt: number): void {
    this.#o.metrics.retried(error.code);
    this.#o.onWaiting(`${error.code}: ${error.message}`);
    if (attempt === 0)
      this.#o.log.warn(
        { code: error.code, reason: error.message },
        'records wait in Kafka until this is mended; nothing is lost meanwhile',
      );
  }

  #reportRecovery(): void {
    this.#o.onWaiting(undefined);
    this.#o.log.info('records flow again');
  }

  /** One line per chunk, not per record: a poisoned topic must not flood the log too. */
  #reportPoison(batch: ConsumedBatch, poison: readonly PoisonRecord[]): void {
    const { source, code } = poison[0]!;
    this.#o.log.warn(
      { topic: batch.topic, partition: batch.partition, offset: source.offset, code, count: poison.length },
      'records that cannot be stored went to the dead-letter topic; see the reason in their headers',
    );
  }
}

/** By policy NOOP. */
class StoreGivenUp extends Error {}

function failureOf(batch: ConsumedBatch, { source, code, message }: PoisonRecord): TaskFailure {
  const place = `${batch.topic} partition ${batch.partition} offset ${source.offset}`;
  return new TaskFailure(new PlatformError(code, `${place}: ${message} (errors.tolerance=none)`));
}

/** Doubling, with full jitter above the first. */
function pauseMs(attempt: number, longestMs: number): number {
  const ceiling = Math.min(longestMs, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 30));
  return FIRST_PAUSE_MS / 2 + Math.random() * Math.max(0, ceiling - FIRST_PAUSE_MS / 2);
}

function addSkips(to: Skips, more: Skips): void {
  for (const [reason, count] of Object.entries(more) as [SkipReason, number][]) to[reason] = (to[reason] ?? 0) + count;
}

function countByCode(poison: readonly PoisonRecord[]): ReadonlyMap<ErrorCode, number> {
  const counts = new Map<ErrorCode, number>();
  for (const { code } of poison) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}
