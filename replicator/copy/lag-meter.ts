import { messageOf } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { Side } from '../lanes.ts';
import type { Cluster } from '../wire/cluster.ts';
import type { Lane } from './lane.ts';
import type { LaneState } from './lane-state.ts';
import { offsetRanges } from './source-reader.ts';

export interface LagMeterOptions {
  readonly lanes: readonly { readonly lane: Lane; readonly state: LaneState }[];
  readonly clusters: Readonly<Record<Side, Cluster>>;
  readonly log: Log;
}

const EVERY_MS = 5_000;

/** Asks the sources how much waits there, also while the target is away and nothing is fetched. */
export class LagMeter {
  readonly #o: LagMeterOptions;
  /** When the lane last had nothing to copy or committed something, by lane (performance.now()). */
  readonly #movedMs = new Map<LaneState, number>();
  readonly #committedRecords = new Map<LaneState, number>();
  readonly #counted = new Map<LaneState, { atMs: number; records: number; bytes: number }>();

  constructor(options: LagMeterOptions) {
    this.#o = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const { lane, state } of this.#o.lanes) {
        this.#noteRate(state);
        try {
          await this.#measure(lane, state);
        } catch (error) {
          this.#o.log.debug({ lane: state.plan.name, reason: messageOf(error) }, 'the lag cannot be measured now');
        }
      }
      await sleep(EVERY_MS, signal);
    }
  }

  async #measure(lane: Lane, state: LaneState): Promise<void> {
    const { metrics, gatewayId, plan } = state;
    let waiting = 0;
    let copied = 0;
    for (const { topic } of plan.topics) {
      const progress = state.progressOf(topic);
      const lag = await this.#lagOf(state, topic);
      if (lag === undefined) continue;
      progress.lagRecords = lag;
      progress.lagBytes = lag * (progress.records === 0 ? 0 : progress.bytesIn / progress.records);
      waiting += lag;
      copied += progress.records;
      const labels = { gateway: gatewayId, topic };
      metrics.lagRecords.set(labels, lag);
      metrics.lagBytes.set(labels, progress.lagBytes);
      const seconds = lag === 0 || progress.newestMs === 0 ? 0 : Math.max(0, (Date.now() - progress.newestMs) / 1_000);
      progress.lagSeconds = seconds;
      metrics.lagSeconds.set(labels, seconds);
      const retentionMs = lane.topics?.retentionMs.get(topic);
      if (retentionMs !== undefined) metrics.headroomSeconds.set(labels, retentionMs / 1_000 - seconds);
    }
    this.#noteWaiting(state, waiting, copied);
  }

  #noteRate(state: LaneState): void {
    const now = { atMs: performance.now(), records: 0, bytes: 0 };
    for (const { records, bytesIn } of state.progress.values()) {
      now.records += records;
      now.bytes += bytesIn;
    }
    const before = this.#counted.get(state);
    this.#counted.set(state, now);
    if (before === undefined) return;
    const seconds = (now.atMs - before.atMs) / 1_000;
    state.rate = {
      recordsPerSecond: (now.records - before.records) / seconds,
      bytesPerSecond: (now.bytes - before.bytes) / seconds,
    };
  }

  #noteWaiting(state: LaneState, waiting: number, copied: number): void {
    const now = performance.now();
    if (waiting === 0 || this.#committedRecords.get(state) !== copied) this.#movedMs.set(state, now);
    this.#committedRecords.set(state, copied);
    const since = this.#movedMs.get(state) ?? now;
    state.metrics.waitingSeconds.set(state.labels, (now - since) / 1_000);
  }

  /** Undefined while it is not known where the lane is. Markers of transactions count as records here. */
  async #lagOf({ committed, plan }: LaneState, topic: string): Promise<number | undefined> {
    const source = this.#o.clusters[plan.source];
    const info = (await source.topics([topic])).get(topic);
    if (info === undefined || committed === undefined) return undefined;
    const partitions = info.partitions.map(({ partition, leader }) => ({ topic, partition, leader }));
    const known = committed.of(topic);
    let lag = 0;
    for (const [name, { first, next }] of await offsetRanges(source, partitions)) {
      const partition = Number(name.slice(topic.length + 1));
      const offset = known?.id === info.id ? known.partitions.get(partition)?.offset : undefined;
      lag += Math.max(0, next - Math.max(first, offset ?? first));
    }
    return lag;
  }
}
