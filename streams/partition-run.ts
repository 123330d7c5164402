import { type ErrorCode, hasCode, isRetriable, messageOf, PlatformError } from '../common/errors.ts';
import type { KafkaCluster } from '../common/kafka/client.ts';
import type { FetchedPartition } from '../common/kafka/fetch-answer.ts';
import { FetchedRecords } from '../common/kafka/fetched-records.ts';
import { PartitionFetcher } from '../common/kafka/partition-fetcher.ts';
import { committedOffsets, offsetRanges } from '../common/kafka/topics.ts';
import { TransactionalProducer } from '../common/kafka/transactional-producer.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { encodePosition, POSITION_KEY, type Restored, restore } from './changelog.ts';
import type { ObservationReader } from './observation-reader.ts';
import { ObservationView } from './observation-view.ts';
import { Outgoing } from './outgoing.ts';
import type { PartitionFigures } from './stream-metrics.ts';
import type { StreamTask } from './stream-task.ts';

export interface PartitionRunOptions {
  readonly kafka: KafkaCluster;
  readonly log: Log;
  readonly groupId: string;
  readonly input: string;
  readonly partition: number;
  readonly changelog: string;
  /** Undefined for an analysis that writes no records. */
  readonly output: { readonly topic: string; readonly partition: number } | undefined;
  readonly reader: ObservationReader;
  readonly commitMs: number;
  readonly fetchBytes: number;
  readonly figures: PartitionFigures;
  readonly signal: AbortSignal;
  /** The state is there and records are being read. */
  onRunning(): void;
  /** Told why reading stands still, and undefined when it goes on. */
  onStalled(reason: string | undefined): void;
}

/** Results and changes that wait for a commit; beyond them one is begun at once, and reading waits for the one before it. */
const FLUSH_RECORDS = 20_000;
const IDLE_WAIT_MS = 500;
const TICK_MS = 1_000;

/**
 * One life of a task: shuts out whoever had the partition before, restores the state, then reads, and commits results, changes of the
 * state and the offset together. While one transaction is on its way the next records are worked on. It ends with the first error: what
 * was not committed is gone with it, and the next life begins where the last commit left off.
 */
export class PartitionRun {
  readonly #o: PartitionRunOptions;
  readonly #task: StreamTask;
  readonly #producer: TransactionalProducer;
  readonly #fetcher: PartitionFetcher;
  readonly #cursor = new FetchedRecords();
  readonly #view = new ObservationView();
  #position = 0;
  #committed = -1;
  #committing: Promise<void> = Promise.resolve();
  #failure: unknown;
  #committedAtMs = 0;
  #tickedAtMs = 0;

  constructor(o: PartitionRunOptions, task: StreamTask) {
    const { kafka, log, groupId, input: topic, partition, fetchBytes } = o;
    this.#o = o;
    this.#task = task;
    const transactionalId = `${groupId}.${topic}.${partition}`;
    this.#producer = new TransactionalProducer({ kafka, log, transactionalId });
    this.#fetcher = new PartitionFetcher({ kafka, topic, partition, fetchBytes });
  }

  /** Resolves when the signal is aborted and all that was read is committed. Errors: of Kafka and the registry, PRODUCER_FENCED. */
  async run(): Promise<void> {
    const { signal, onRunning } = this.#o;
    try {
      await this.#producer.open(signal);
      await this.#restore();
      onRunning();
      await this.#read();
      await this.#commit();
      await this.#committing;
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      await this.#fetcher.close();
      await this.#producer.close();
    }
  }

  async #restore(): Promise<void> {
    const { kafka, partition, changelog, figures, signal, log } = this.#o;
    const startedAt = performance.now();
    const restored = await restore({ kafka, topic: changelog, partition, task: this.#task, signal });
    const { records, strange } = restored;
    this.#position = await this.#firstToRead(restored);
    this.#committed = this.#position;
    figures.restored += records;
    figures.restoreSeconds = (performance.now() - startedAt) / 1_000;
    if (strange > 0) {
      figures.countPoison('STREAM_STATE_STRANGE', strange);
      const at = { topic: changelog, partition, offset: restored.firstStrange, strange, code: 'STREAM_STATE_STRANGE' };
      log.warn(at, 'somebody else wrote into the changelog; those records are passed over');
    }
    const { restoreSeconds } = figures;
    log.info({ partition, offset: this.#position, records, restoreSeconds }, 'a task begins');
  }

  /**
   * The group and the state are committed together, so their offsets are the same, unless somebody moved one: then the later one, since
   * what the state has seen must not be counted again. Where one is gone the other holds.
   */
  async #firstToRead({ position }: Restored): Promise<number> {
    const { kafka, groupId, input, partition, log } = this.#o;
    const ofGroup = (await committedOffsets(kafka, groupId, input)).get(partition);
    const offsets = { ofGroup: ofGroup === undefined ? undefined : Number(ofGroup), ofState: position?.offset };
    if (offsets.ofGroup !== undefined && offsets.ofGroup !== offsets.ofState) {
      const what =
        position === undefined
          ? 'there is no state for the offset of the group: it begins with none'
          : 'the offset of the group is not that of the state; the later one holds';
      log.warn({ partition, ...offsets, changelog: this.#o.changelog }, what);
    }
    const { ofGroup: one, ofState: other } = offsets;
    if (one === undefined || other === undefined) return one ?? other ?? (await this.#firstOffset());
    return Math.max(one, other);
  }

  async #read(): Promise<void> {
    const { signal, commitMs } = this.#o;
    let next: Promise<FetchedPartition> | undefined;
    while (!signal.aborted) {
      if (this.#failure !== undefined) throw this.#failure;
      const fetched = await (next ?? this.#fetch(this.#position, this.#isDirty() ? commitMs : IDLE_WAIT_MS));
      next = undefined;
      const behind = FetchedRecords.endOf(fetched.bytes, this.#position);
      if (behind > this.#position) {
        next = this.#fetch(behind, commitMs);
        next.catch(() => undefined);
        await this.#take(fetched, behind);
      } else this.#tick(fetched);
      this.#o.figures.lag = Math.max(0, fetched.lastStableOffset - this.#position);
      if (this.#isDirty() && performance.now() - this.#committedAtMs >= commitMs) await this.#commit();
    }
  }

  async #take({ bytes, aborted }: FetchedPartition, behind: number): Promise<void> {
    this.#cursor.reset(bytes, aborted, this.#position);
    while (await this.#cursor.nextBatch()) {
      for (let id = this.#drain(); id !== undefined; id = this.#drain(true)) await this.#learn(id);
      this.#position = this.#cursor.nextOffset;
      if (this.#task.unflushed >= FLUSH_RECORDS) await this.#commit();
    }
    this.#position = behind;
  }

  /** The registry may be away: the state is kept meanwhile. */
  async #learn(id: number): Promise<void> {
    const { reader, signal, onStalled } = this.#o;
    for (let attempt = 0; ; attempt++) {
      try {
        await reader.learn(id);
        if (attempt > 0) onStalled(undefined);
        return;
      } catch (error) {
        if (signal.aborted || !isRetriable(error)) throw error;
        onStalled(messageOf(error));
        await sleep(backoffMs(attempt), signal);
      }
    }
  }

  /** Works through the batch; stops at a schema id that has to be learnt first, to be called again from the same record. */
  #drain(again = false): number | undefined {
    const cursor = this.#cursor;
    const { reader, figures } = this.#o;
    while (again || cursor.next()) {
      again = false;
      if (cursor.valueStart < 0) this.#task.skips.tombstone++;
      else {
        try {
          const unknown = reader.read(this.#view, cursor.bytes, cursor.valueStart, cursor.valueEnd);
          if (unknown !== undefined) return unknown;
          this.#task.process(this.#view, cursor.timestamp);
        } catch (error) {
          this.#setAside(error);
        }
      }
      figures.records++;
    }
    return undefined;
  }

  /** It stays where it is, in its topic; here it is counted and passed over. */
  #setAside(error: unknown): void {
    if (!(error instanceof PlatformError)) throw error;
    const { figures, log, input: topic, partition } = this.#o;
    const code: ErrorCode = error.code;
    const before = figures.countPoison(code, 1);
    const at = { topic, partition, offset: this.#cursor.offset, code, reason: error.message };
    if (before === 0)
      log.warn(at, 'a record cannot be read and is passed over; others with this code are only counted');
  }

  /** Begins a transaction as soon as the one before is through. */
  async #commit(): Promise<void> {
    await this.#committing;
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isDirty()) return;
    const { output, changelog, partition, groupId, input: topic, figures } = this.#o;
    const out = new Outgoing(output, { topic: changelog, partition });
    this.#task.flush(out);
    const offset = this.#position;
    out.change(POSITION_KEY, encodePosition({ offset, clock: this.#task.clock, form: this.#task.form }));
    this.#committed = offset;
    this.#committedAtMs = performance.now();
    const committing = this.#producer.commit(out.finish(), { groupId, topic, partition, offset });
    this.#committing = committing.then(
      () => {
        figures.commits++;
        figures.outputs += out.outputs;
        figures.changes += out.changes;
      },
      (error: unknown) => {
        this.#failure = error;
      },
    );
  }

  #isDirty(): boolean {
    return this.#position !== this.#committed || this.#task.unflushed > 0;
  }

  #tick({ lastStableOffset }: FetchedPartition): void {
    const now = performance.now();
    if (this.#position < lastStableOffset || now - this.#tickedAtMs < TICK_MS) return;
    this.#tickedAtMs = now;
    this.#task.tick(Date.now());
  }

  /** An outage is waited out here, with the state as it is. */
  async #fetch(offset: number, maxWaitMs: number): Promise<FetchedPartition> {
    const { signal, log, input: topic, partition } = this.#o;
    for (let attempt = 0, at = offset; ; attempt++) {
      try {
        return await this.#fetcher.fetch(at, maxWaitMs);
      } catch (error) {
        if (signal.aborted || hasCode(error, 'SHUTTING_DOWN')) throw error;
        if (hasCode(error, 'KAFKA_OFFSET_GONE')) {
          at = await this.#firstOffset();
          log.warn(
            { topic, partition, offset, first: at },
            'records are gone that were not read yet; reading goes on behind them',
          );
          this.#position = at;
        } else if (!isRetriable(error)) throw error;
        await sleep(backoffMs(attempt), signal);
      }
    }
  }

  async #firstOffset(): Promise<number> {
    const { kafka, input, partition } = this.#o;
    const range = (await offsetRanges(kafka, input)).find((one) => one.partition === partition);
    if (range === undefined) throw new PlatformError('KAFKA_NO_TOPIC', `${input} has no partition ${partition}`);
    return Number(range.first);
  }
}
