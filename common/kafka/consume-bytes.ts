import type { Batch, Consumer, EachBatchPayload } from 'kafkajs';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ByteMessage, fetchingBytes } from './byte-fetch.ts';
import type { KafkaCluster } from './client.ts';
import type { AbortedTransaction } from './fetch-answer.ts';
import { keepJoined } from './keep-joined.ts';
import { OrderedCommits } from './ordered-commits.ts';

/** What was fetched of one partition, to be read with FetchedRecords. When the batch is done its memory is used again. */
export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
  readonly aborted: readonly AbortedTransaction[];
  /** The records before it in `bytes` are not asked for. */
  readonly from: number;
  /** Behind all of it: what is committed when it is done. */
  readonly next: number;
  /** Next offset of the partition when the batch was fetched: lag = highWatermark − offset − 1. */
  readonly highWatermark: number;
  /** Aborted on shutdown and when the partition may have moved to another member: give up and throw. */
  readonly signal: AbortSignal;
}

/** A batch that was taken: `done` resolves when its effect is durable. */
export interface TakenBatch {
  readonly done: Promise<unknown>;
}

export interface ConsumeBytesOptions {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  /**
   * The next batch comes when it resolves, so it must not while too much is under way; offsets are committed in their order as batches
   * are done. When it throws, or `done` rejects, the group is left and joined again: all that was not committed comes again.
   */
  onBatch(batch: FetchedBatch): Promise<TakenBatch>;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Largest fetch of one partition; twice as much is fetched at once, of all partitions together. */
  readonly batchBytes?: number;
  /** A fetch waits for so many bytes, but no longer than so many milliseconds: small batches become few larger ones. */
  readonly gather?: { readonly bytes: number; readonly ms: number };
  /** How long the group waits for a member that says nothing, so also how long a successor waits after a kill. */
  readonly sessionTimeoutMs?: number;
  /** The consumer has joined its group and has its partitions. */
  onJoined?(): void;
  /** The membership has ended; the group is joined again by itself. */
  onLeft?(reason: string): void;
  /** Offsets were committed. */
  onCommitted?(): void;
  /** Why a batch was not done, other than that it was given up. */
  onFailed?(error: unknown): void;
}

const DEFAULT_BATCH_BYTES = 1024 * 1024;
const FETCH_PARTS = 2;
const DEFAULT_SESSION_TIMEOUT_MS = 10_000;
/** How soon partitions are noticed that somebody added to a topic. */
const METADATA_AGE_MS = 30_000;

/** Answers to a heartbeat after which kafkajs joins the group again. */
const JOIN_AGAIN = new Set([
  'REBALANCE_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
]);

/**
 * As `consume`, for those who read records in place, and who take the next batch while the one before is still on its way to where its
 * effect is durable. At least once; a member of this kind shares a group with those of `consume`.
 */
export async function consumeBytes(o: ConsumeBytesOptions): Promise<void> {
  await keepJoined(o, async () => {
    const reason = await new Membership(o).run();
    if (!o.signal.aborted) o.onLeft?.(reason);
    return reason;
  });
}

/** One consumer, from its joining to the first thing that it cannot mend by itself. */
class Membership {
  readonly #o: ConsumeBytesOptions;
  readonly #consumer: Consumer;
  readonly #sessionTimeoutMs: number;
  readonly #ended = Promise.withResolvers<string>();
  readonly #stopping = new AbortController();
  #generation: Generation;

  constructor(o: ConsumeBytesOptions) {
    const { groupId, gather, batchBytes = DEFAULT_BATCH_BYTES } = o;
    const sessionTimeout = o.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
    this.#o = o;
    this.#sessionTimeoutMs = sessionTimeout;
    this.#consumer = fetchingBytes(o.kafka).consumer({
      groupId,
      sessionTimeout,
      rebalanceTimeout: sessionTimeout,
      heartbeatInterval: this.#heartbeatMs,
      metadataMaxAge: METADATA_AGE_MS,
      maxBytesPerPartition: batchBytes,
      maxBytes: FETCH_PARTS * batchBytes,
      ...(gather === undefined
        ? { maxWaitTimeInMs: 500 }
        : { minBytes: gather.bytes, maxWaitTimeInMs: Math.min(gather.ms, sessionTimeout / 4) }),
      allowAutoTopicCreation: false,
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
    });
    this.#generation = this.#newGeneration();
  }

  get #heartbeatMs(): number {
    return Math.min(2_000, this.#sessionTimeoutMs / 4);
  }

  /** Resolves with the reason for its end. */
  async run(): Promise<string> {
    const { signal, log, topics, onJoined } = this.#o;
    const consumer = this.#consumer;
    const onAbort = () => this.#end('stopped');
    signal.addEventListener('abort', onAbort, { once: true });
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#end(messageOf(payload.error)));
    consumer.on(consumer.events.REBALANCING, () => this.#generation.end(new Error('the group rebalances')));
    consumer.on(consumer.events.GROUP_JOIN, () => {
      this.#generation.end(new Error('the group was joined anew'));
      this.#generation = this.#newGeneration();
      onJoined?.();
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) => this.#take(payload),
      });
      return await this.#ended.promise;
    } catch (error) {
      return messageOf(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#end('stopped');
      await consumer
        .disconnect()
        .catch((error: unknown) => log.debug({ reason: messageOf(error) }, 'closing a consumer'));
    }
  }

  #end(reason: string): void {
    this.#ended.resolve(reason);
    this.#stopping.abort();
    this.#generation.end(new Error(reason));
  }

  #newGeneration(): Generation {
    const generation = new Generation(this.#consumer, this.#o, (error) => this.#fail(error));
    if (this.#stopping.signal.aborted) generation.end(new Error('stopped'));
    return generation;
  }

  #fail(error: unknown): void {
    this.#o.onFailed?.(error);
    this.#end(messageOf(error));
  }

  async #take({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
    const generation = this.#generation;
    const { signal } = generation;
    if (signal.aborted) return;
    // Told to join again, which kafkajs does when it is thrown to it. While Kafka does not answer the batch goes on.
    let expelled: { readonly reason: unknown } | undefined;
    const beat = async () => {
      await heartbeat().catch((reason: unknown) => {
        if (!JOIN_AGAIN.has(String((reason as { type?: unknown } | null)?.type))) return;
        expelled ??= { reason };
        generation.end(reason);
      });
    };
    const pulse = setInterval(() => void beat(), this.#heartbeatMs);
    try {
      const message = batch.messages[0] as unknown as ByteMessage;
      const fetched = fetchedOf(batch, message, signal);
      const { done } = await this.#o.onBatch(fetched);
      done.then(message.release, () => undefined);
      generation.commitWhenDone(fetched, done);
      resolveOffset(batch.lastOffset());
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    } finally {
      clearInterval(pulse);
    }
    if (expelled !== undefined) throw expelled.reason;
    await heartbeat();
  }
}

function fetchedOf(
  { topic, partition, fetchedOffset }: BatchOfBytes,
  { fetched: { bytes, aborted, highWatermark }, next }: ByteMessage,
  signal: AbortSignal,
): FetchedBatch {
  return { topic, partition, bytes, aborted, from: Number(fetchedOffset), next, highWatermark, signal };
}

/** kafkajs does not declare where a batch was fetched from. */
type BatchOfBytes = Batch & { readonly fetchedOffset?: string };

/** From one joining of the group to the next: what was taken in it is committed in it, or comes again. */
class Generation {
  readonly #ending = new AbortController();
  readonly #commits: OrderedCommits;
  readonly #onFailed: (error: unknown) => void;

  constructor(consumer: Consumer, o: ConsumeBytesOptions, onFailed: (error: unknown) => void) {
    this.#onFailed = onFailed;
    this.#commits = new OrderedCommits({
      commit: (offsets) => consumer.commitOffsets([...offsets]),
      onCommitted: () => o.onCommitted?.(),
      signal: this.#ending.signal,
      log: o.log,
    });
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  end(reason: unknown): void {
    this.#ending.abort(reason);
  }

  commitWhenDone({ topic, partition, next }: FetchedBatch, done: Promise<unknown>): void {
    this.#commits.add({ topic, partition, offset: String(next) }, done).catch((error: unknown) => {
      if (!this.signal.aborted) this.#onFailed(error);
    });
  }
}
