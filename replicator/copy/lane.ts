import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import type { Compression } from '../../common/kafka/batch/compression.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import { eventsTopicOf, transactionalIdOf } from '../lanes.ts';
import type { Cluster } from '../wire/cluster.ts';
import type { FramePool } from '../wire/frame-pool.ts';
import type { GapEvent } from './gap-events.ts';
import { settleHanging } from './hanging-transactions.ts';
import { LaneProducer } from './lane-producer.ts';
import type { LaneFailure, LaneState } from './lane-state.ts';
import { type GapPolicy, PartitionTroubles } from './partition-troubles.ts';
import { PositionLog } from './position-log.ts';
import type { LanePositions } from './positions.ts';
import type { Precedence } from './precedence.ts';
import type { RateLimit } from './rate-limit.ts';
import { Relay } from './relay.ts';
import type { SchemaTranslation } from './schema-translation.ts';
import { Session } from './session.ts';
import type { SourcePartition } from './source-partition.ts';
import { offsetRanges, SourceReader } from './source-reader.ts';
import { type LaneTopics, TargetTopics } from './target-topics.ts';

export type Delivery = 'exactly-once' | 'at-least-once';

export interface LaneSettings {
  readonly delivery: Delivery;
  readonly onGap: GapPolicy;
  readonly compression: Compression;
  readonly commitBytes: number;
  readonly commitMs: number;
  /** Bytes in memory: half of it fetched and waiting, half sent and unanswered. */
  readonly budgetBytes: number;
}

export interface LaneOptions {
  readonly state: LaneState;
  readonly source: Cluster;
  readonly target: Cluster;
  readonly settings: LaneSettings;
  readonly translation: SchemaTranslation | undefined;
  readonly precedence: Precedence;
  /** Of the answers of both clusters. */
  readonly memory: FramePool;
  /** Undefined for a lane that does not write over the WAN. */
  readonly limit: RateLimit | undefined;
  /** It begins when this one has brought in what waited, or cannot. */
  readonly after: LaneState | undefined;
  /** Throws REPLICATION_OVERLAP when both clusters are one. */
  readonly assertApart: () => Promise<string>;
  readonly signal: AbortSignal;
  readonly log: Log;
}

const FETCH_BYTES = 4 * 2 ** 20;
const PARTITION_BYTES = 2 ** 20;
const LEAST_FETCH_BYTES = 64 * 2 ** 10;
const ROUND_SECONDS = 10;
/** Bulk is gathered so long, so that a trickle does not become a transaction per record. */
const GATHER_MS = 100;
const FIRST_PAUSE_MS = 100;
/** A cloud that comes back after hours must not meet all its gateways at once. */
const LONGEST_PAUSE_MS = 15_000;
/** An attempt that lasted so long was a good one: the next failure is a first one. */
const GOOD_ATTEMPT_MS = 30_000;
/** How often partitions, leaders and settings are compared. */
const LOOK_MS = 30_000;
const AFTER_OTHER_MS = 10_000;

/** Copies one lane until the signal is aborted: attempt after attempt, each from the committed positions on. */
export class Lane {
  readonly #o: LaneOptions;
  readonly #producer: LaneProducer;
  readonly #positionLog: PositionLog;
  readonly #topics: TargetTopics;
  readonly #troubles: PartitionTroubles;
  readonly #relay: Relay;
  /** Topics at the last look; undefined before the first. */
  topics: LaneTopics | undefined = undefined;

  constructor(options: LaneOptions) {
    this.#o = options;
    const { state, source, target, settings, translation, signal, log } = options;
    const { gatewayId, plan } = state;
    const transactionalId = settings.delivery === 'exactly-once' ? transactionalIdOf(gatewayId, plan.name) : undefined;
    this.#producer = new LaneProducer({ cluster: target, purpose: plan.name, transactionalId, signal });
    this.#positionLog = new PositionLog(gatewayId, plan.name);
    const events = { name: eventsTopicOf(gatewayId), partitions: 1, replicationFactor: -1, configs: {} };
    const own = [this.#positionLog.asNewTopic, events];
    this.#topics = new TargetTopics({ source, target, plan, own, log });
    this.#troubles = new PartitionTroubles({ state, source, onGap: settings.onGap, log });
    this.#relay = new Relay({ compression: plan.target === 'cloud' ? settings.compression : 'none', translation });
  }

  /** Errors: REPLICATOR_FENCED, REPLICATION_OVERLAP, REPLICATION_POSITIONS, and what is a fault of our own. */
  async run(): Promise<void> {
    const { state, signal, source, target } = this.#o;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const startedMs = performance.now();
      try {
        state.phase = 'starting';
        await this.#attempt();
      } catch (error) {
        if (signal.aborted) break;
        if (!this.#mayTryAgain(error)) throw this.#end(error);
        if (performance.now() - startedMs > GOOD_ATTEMPT_MS) attempt = 0;
        this.#report(error, attempt);
      }
      source.forget();
      target.forget();
      await sleep(pauseMs(attempt), signal);
    }
    state.phase = 'ended';
  }

  #mayTryAgain(error: unknown): boolean {
    if (!(error instanceof PlatformError)) return false;
    return isRetriable(error) || error.code === 'KAFKA_REFUSED' || error.code === 'RECORD_BATCH_CORRUPT';
  }

  #end(error: unknown): unknown {
    const { state } = this.#o;
    state.phase = 'ended';
    state.failure = failureOf(error);
    state.lastFailure = state.failure;
    return error;
  }

  #report(error: unknown, attempt: number): void {
    const { state, log } = this.#o;
    const failure = failureOf(error);
    state.phase = 'waiting';
    state.failure = failure;
    state.lastFailure = failure;
    state.metrics.failures.inc(state.labels);
    // The first failures are every restart of a neighbour.
    log[attempt === 3 ? 'warn' : 'debug'](
      { gateway: state.gatewayId, lane: state.plan.name, code: failure.code, reason: failure.message },
      'the lane begins anew; it goes on by itself',
    );
  }

  async #attempt(): Promise<void> {
    const { state, target, source, settings, limit, log } = this.#o;
    const clusterId = await this.#o.assertApart();
    const topics = await this.#topics.prepare();
    this.topics = topics;
    await this.#producer.open(topics.target);
    const { name } = state.plan;
    if (settings.delivery === 'exactly-once')
      await settleHanging({
        ...{ target, producer: this.#producer, positionLog: this.#positionLog, topics: topics.target, purpose: name },
        ...{ copied: state.plan.topics.map(({ topic }) => topic), signal: this.#o.signal, log },
      });
    const info = topics.target.get(this.#positionLog.topic)!;
    const positions = await this.#positionLog.load(target, info, name);
    positions.clusterId = clusterId;
    state.committed = positions.copy();
    const { partitions, events } = await this.#placeOf(topics, positions);
    await this.#afterOther();
    const ending = new AbortController();
    const isBulk = name === 'up-bulk';
    const reader = new SourceReader({
      ...{ cluster: source, purpose: name, partitions, gatherMs: isBulk ? GATHER_MS : 0 },
      partitionBytes: PARTITION_BYTES,
      // What is fetched at once is written in one transaction, which must not be open for long at a low rate.
      get fetchBytes() {
        const rate = limit?.bytesPerSecond ?? Number.POSITIVE_INFINITY;
        const bytes = Math.max(LEAST_FETCH_BYTES, rate * ROUND_SECONDS);
        return Math.min(FETCH_BYTES, settings.budgetBytes / 4, bytes);
      },
    });
    const session = new Session({
      ...{ state, reader, relay: this.#relay, producer: this.#producer, positionLog: this.#positionLog },
      ...{
        positions,
        partitions,
        events,
        troubles: this.#troubles,
        limit,
        isBulk,
        log,
        memory: this.#o.memory,
        precedence: this.#o.precedence,
      },
      eventsTopic: eventsTopicOf(state.gatewayId),
      settings: {
        ...{ commitBytes: settings.commitBytes, commitMs: settings.commitMs },
        ...{ queuedBytes: settings.budgetBytes / 2, inFlightBytes: settings.budgetBytes / 2 },
        isTransactional: settings.delivery === 'exactly-once',
      },
      signal: AbortSignal.any([this.#o.signal, ending.signal]),
    });
    state.phase = 'running';
    state.failure = undefined;
    const looking = this.#untilOutdated(topics, ending.signal);
    const running = session.run();
    try {
      await Promise.race([running, looking]);
    } finally {
      ending.abort();
      // The next attempt uses the same producer and relay.
      await Promise.allSettled([running]);
    }
  }

  /** Where each partition goes on; with events where that is not where it was. */
  async #placeOf(topics: LaneTopics, positions: LanePositions) {
    const partitions: SourcePartition[] = [];
    const events: GapEvent[] = [];
    for (const { topic } of this.#o.state.plan.topics) {
      const info = topics.source.get(topic);
      for (const { partition, leader, leaderEpoch } of info?.partitions ?? [])
        partitions.push({
          ...{ topic, partition, topicId: info!.id, leader, leaderEpoch, fetchOffset: 0, lastEpoch: -1 },
          ...{ endOffset: -1, logStart: -1, ...this.#o.state.misgivingOf({ topic, partition }) },
        });
    }
    const ranges = await offsetRanges(this.#o.source, partitions, this.#o.state.plan.name);
    for (const partition of partitions) {
      const range = ranges.get(`${partition.topic}/${partition.partition}`)!;
      const known = positions.of(partition.topic);
      const position = known?.partitions.get(partition.partition);
      partition.endOffset = range.next;
      partition.fetchOffset = position?.offset ?? range.first;
      partition.lastEpoch = position?.epoch ?? -1;
      if (position === undefined) continue;
      if (known!.id !== partition.topicId) events.push(...this.#troubles.move(partition, 'RECREATED', range.first, -1));
      else if (position.offset < range.first) events.push(...this.#troubles.move(partition, 'GAP', range.first, -1));
    }
    for (const { topic, topicId, partition, fetchOffset: offset, lastEpoch: epoch, restsUntilMs } of partitions)
      if (restsUntilMs !== Number.POSITIVE_INFINITY) positions.set(topic, topicId, partition, { offset, epoch });
    return { partitions, events };
  }

  async #afterOther(): Promise<void> {
    const { after, signal } = this.#o;
    const untilMs = performance.now() + AFTER_OTHER_MS;
    while (after !== undefined && !after.hasCaughtUp && !signal.aborted && performance.now() < untilMs)
      await sleep(50, signal);
  }

  /** Rejects when the topics are not what they were: more partitions, other leaders. */
  async #untilOutdated(known: LaneTopics, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      const now = await this.#topics.prepare();
      if (shapeOf(now) !== shapeOf(known)) throw new PlatformError('KAFKA_UNAVAILABLE', 'the topics have changed');
    }
  }
}

function failureOf(error: unknown): LaneFailure {
  const code = error instanceof PlatformError ? error.code : 'INTERNAL';
  return { code, message: messageOf(error), atMs: Date.now() };
}

function shapeOf({ source, target }: LaneTopics): string {
  return JSON.stringify([[...source], [...target]]);
}

function pauseMs(attempt: number): number {
  return Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 20));
}
