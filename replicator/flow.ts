import { messageOf, type PlatformError } from '../common/errors.ts';
import type { Health } from '../common/health.ts';
import { type ConsumedBatch, consume, type StopBefore } from '../common/kafka/consumer.ts';
import { PartitionWriter } from '../common/kafka/partition-writer.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { type Clusters, TargetTopics } from './cluster-sides.ts';
import type { CopyMetrics } from './copy-metrics.ts';
import { type Direction, groupOf } from './directions.ts';
import { withHeartbeats } from './heartbeats.ts';
import { Positions } from './positions.ts';

export interface FlowOptions {
  readonly gatewayId: string;
  readonly direction: Direction;
  readonly clusters: Clusters;
  readonly batchBytes: number;
  readonly metrics: CopyMetrics;
  readonly health: Health;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * The least that Kafka allows by default (group.min.session.timeout.ms). After a kill the group waits so long for the dead
 * member before a new one gets its partitions; heartbeats come four times as often, whatever a batch takes.
 */
const SESSION_TIMEOUT_MS = 6_000;

/** Pause before a record that the target refused is offered again: somebody may have raised its limit. */
const RETRY_REFUSED_MS = 15_000;

const LAG_INTERVAL_MS = 5_000;

/**
 * Copies one direction until the signal is aborted. At least once, in order within a partition, partition p to partition p.
 * Pull-driven: while the target is away one fetched batch waits and nothing more is fetched.
 */
export class Flow {
  readonly #o: FlowOptions;
  readonly #groupId: string;
  readonly #positions: Positions;
  readonly #targetTopics: TargetTopics;
  readonly #writer: PartitionWriter;
  /** topic/partition → the offset at which it stands */
  readonly #stopped = new Map<string, bigint>();

  constructor(options: FlowOptions) {
    this.#o = options;
    const { clusters, direction, batchBytes, log } = options;
    this.#groupId = groupOf(options.gatewayId, direction.name);
    this.#positions = new Positions(clusters[direction.source], this.#groupId);
    this.#targetTopics = new TargetTopics(clusters, direction);
    this.#writer = new PartitionWriter({
      kafka: clusters[direction.target],
      log,
      batchBytes,
      onTopicMissing: async (topic, partition) => {
        this.#targetTopics.forget(topic);
        await this.#targetTopics.prepare(topic, partition);
      },
    });
  }

  async run(): Promise<void> {
    const { clusters, direction, signal, log, health, metrics, batchBytes } = this.#o;
    await this.#loadPositions();
    const measuring = this.#measureLag();
    await this.#warmUp();
    await consume({
      kafka: clusters[direction.source],
      groupId: this.#groupId,
      topics: direction.topics.map(({ topic }) => topic),
      onBatch: (batch) => this.#copy(batch),
      signal,
      log,
      batchBytes,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      onJoined: () => health.setReady(direction.name),
      onMarkers: (topic, partition, next) => this.#positions.advance(topic, partition, next),
      onCommitFailed: () => metrics.failures.inc({ direction: direction.name, stage: 'commit' }),
    });
    await this.#writer.close();
    await measuring;
  }

  async #loadPositions(): Promise<void> {
    const { direction, signal, log } = this.#o;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#positions.load(direction.topics.map(({ topic }) => topic));
        return;
      } catch (error) {
        log.debug({ reason: messageOf(error) }, 'the committed offsets cannot be read now');
        await sleep(backoffMs(attempt), signal);
      }
    }
  }

  /** So that the first command does not wait for connections. What fails here is tried again with the first batch. */
  async #warmUp(): Promise<void> {
    try {
      for (const { topic } of this.#o.direction.topics) await this.#targetTopics.prepare(topic, 0);
      await this.#writer.connect();
    } catch (error) {
      this.#o.log.debug({ reason: messageOf(error) }, 'the target is away again');
    }
  }

  async #copy(batch: ConsumedBatch): Promise<StopBefore | undefined> {
    try {
      return await withHeartbeats(batch, SESSION_TIMEOUT_MS / 4, (signal) => this.#copyBatch(batch, signal));
    } catch (error) {
      this.#o.metrics.failures.inc({ direction: this.#o.direction.name, stage: 'copy' });
      throw error;
    }
  }

  async #copyBatch(batch: ConsumedBatch, signal: AbortSignal): Promise<StopBefore | undefined> {
    const { topic, partition, records } = batch;
    await this.#reportLost(batch);
    if (await this.#targetTopics.prepare(topic, partition)) await this.#writer.close();
    const { taken, refusal } = await this.#writer.write(topic, partition, records, signal);
    const next = refusal === undefined ? BigInt(records.at(-1)!.offset) + 1n : BigInt(records[taken]!.offset);
    this.#count(batch, taken, next);
    if (refusal === undefined) {
      this.#resume(topic, partition);
      return undefined;
    }
    this.#stop(topic, partition, next, refusal);
    return { stopBefore: next, retryAfterMs: RETRY_REFUSED_MS };
  }

  #count({ topic, partition, records }: ConsumedBatch, taken: number, next: bigint): void {
    const { copied, copiedBytes } = this.#o.metrics;
    let bytes = 0;
    for (const { key, value } of records.slice(0, taken)) bytes += (key?.length ?? 0) + (value?.length ?? 0);
    copied.inc({ topic }, taken);
    copiedBytes.inc({ topic }, bytes);
    this.#positions.advance(topic, partition, next);
  }

  async #reportLost(batch: ConsumedBatch): Promise<void> {
    const lost = await this.#positions.lostBefore(batch);
    if (lost === 0n) return;
    const { topic, partition } = batch;
    this.#o.metrics.lost.inc({ topic }, Number(lost));
    this.#positions.advance(topic, partition, BigInt(batch.records[0]!.offset));
    this.#o.log.warn(
      { topic, partition, lost: Number(lost), from: batch.records[0]!.offset },
      'records were deleted at the source before they were copied: raise its retention to cover longer outages',
    );
  }

  #stop(topic: string, partition: number, offset: bigint, refusal: PlatformError): void {
    const name = `${topic}/${partition}`;
    const { health, metrics, log } = this.#o;
    health.setNotReady(name, `stopped at offset ${offset}: ${refusal.message}`);
    if (this.#stopped.has(name)) return;
    this.#stopped.set(name, offset);
    metrics.stopped.inc({ topic });
    log.error(
      { topic, partition, offset: offset.toString(), code: refusal.code, reason: refusal.message },
      'the target refuses a record for good: its partition stops here and the others go on; mend the target, or move the offset of the group past the record',
    );
  }

  #resume(topic: string, partition: number): void {
    const name = `${topic}/${partition}`;
    if (!this.#stopped.delete(name)) return;
    this.#o.health.setReady(name);
    this.#o.metrics.stopped.dec({ topic });
    this.#o.log.info({ topic, partition }, 'a stopped partition goes on');
  }

  /** Asks the source, so that the lag also grows while the target is away and nothing is fetched. */
  async #measureLag(): Promise<void> {
    const { direction, metrics, signal, log } = this.#o;
    while (!signal.aborted) {
      metrics.waitingSeconds.set({ direction: direction.name }, this.#writer.waitingForMs() / 1_000);
      try {
        for (const { topic } of direction.topics) metrics.lag.set({ topic }, await this.#positions.lagOf(topic));
      } catch (error) {
        log.debug({ reason: messageOf(error) }, 'the lag cannot be told now');
      }
      await sleep(LAG_INTERVAL_MS, signal);
    }
  }
}
