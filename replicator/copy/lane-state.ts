import type { LanePlan } from '../lanes.ts';
import type { GapEvent } from './gap-events.ts';
import type { LaneMetrics } from './lane-metrics.ts';
import type { LanePositions } from './positions.ts';
import type { Mode } from './relay.ts';
import { nameOf, type SourcePartition } from './source-partition.ts';

export type LanePhase = 'starting' | 'running' | 'paused' | 'waiting' | 'ended';

/** A partition that does not go on by itself, and why. */
export interface StoppedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly reason: string;
  readonly sinceMs: number;
}

export interface LaneFailure {
  readonly code: string;
  readonly message: string;
  /** ms since 1970 */
  readonly atMs: number;
}

/** What was copied of one topic since the start. */
export interface TopicProgress {
  records: number;
  bytesIn: number;
  /** ms since 1970 of the newest record that is committed at the target; 0 before the first. */
  newestMs: number;
  /** Undefined until it was measured. */
  lagRecords: number | undefined;
  /** About so many, by the mean size of what was copied. */
  lagBytes: number;
  lagSeconds: number;
}

type Misgiving = Pick<SourcePartition, 'caution' | 'cautionUntil' | 'restsUntilMs' | 'stopBefore'>;

const NO_MISGIVING: Misgiving = {
  caution: 'none',
  cautionUntil: 0,
  restsUntilMs: 0,
  stopBefore: Number.POSITIVE_INFINITY,
};

/** More are not kept: they are in the log as well. */
const EVENTS_LIMIT = 1_000;

/** What outlives an attempt of a lane: how far it is to be seen, and what it has learnt about partitions that make trouble. */
export class LaneState {
  readonly gatewayId: string;
  readonly plan: LanePlan;
  readonly metrics: LaneMetrics;
  phase: LanePhase = 'starting';
  /** Why it does not run; undefined while it does. */
  failure: LaneFailure | undefined = undefined;
  /** The same, kept when it runs again. */
  lastFailure: LaneFailure | undefined = undefined;
  isPaused = false;
  /** Everything that the source had was copied, once in this attempt at least. */
  hasCaughtUp = false;
  readonly stopped = new Map<string, StoppedPartition>();
  readonly progress = new Map<string, TopicProgress>();
  /** Batches committed since the start, by how they were copied. */
  readonly modes = new Map<Mode, number>();
  /** Over the last seconds. */
  rate = { recordsPerSecond: 0, bytesPerSecond: 0 };
  /** Committed positions as last known; undefined before the first attempt got so far. */
  committed: LanePositions | undefined = undefined;
  /** What is to be told at the target with the next commit. */
  readonly events: GapEvent[] = [];
  readonly #cautions = new Map<string, Misgiving>();
  #resume: (() => void)[] = [];

  constructor(gatewayId: string, plan: LanePlan, metrics: LaneMetrics) {
    this.gatewayId = gatewayId;
    this.plan = plan;
    this.metrics = metrics;
    metrics.stoppedPartitions.set(this.labels, 0);
  }

  get labels(): { gateway: string; lane: string } {
    return { gateway: this.gatewayId, lane: this.plan.name };
  }

  progressOf(topic: string): TopicProgress {
    let progress = this.progress.get(topic);
    if (progress === undefined) {
      progress = { records: 0, bytesIn: 0, newestMs: 0, lagRecords: undefined, lagBytes: 0, lagSeconds: 0 };
      this.progress.set(topic, progress);
    }
    return progress;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const go of this.#resume.splice(0)) go();
  }

  /** Resolves at once unless paused; else with `resume` or the signal. */
  async untilResumed(signal: AbortSignal): Promise<void> {
    if (!this.isPaused || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', go);
        resolve();
      };
      this.#resume.push(go);
      signal.addEventListener('abort', go, { once: true });
    });
  }

  /** How a partition is to be treated in the next attempt. */
  misgivingOf(partition: { readonly topic: string; readonly partition: number }): Misgiving {
    return this.#cautions.get(nameOf(partition)) ?? NO_MISGIVING;
  }

  beware(partition: { readonly topic: string; readonly partition: number }, misgiving: Partial<Misgiving>): void {
    this.#cautions.set(nameOf(partition), { ...this.misgivingOf(partition), ...misgiving });
  }

  trust(partition: { readonly topic: string; readonly partition: number }): void {
    this.#cautions.delete(nameOf(partition));
  }

  tell(event: GapEvent): void {
    if (this.events.length < EVENTS_LIMIT) this.events.push(event);
  }

  /** True when it did not stand still before. */
  stop(stopped: StoppedPartition): boolean {
    const isNew = !this.stopped.has(nameOf(stopped));
    this.stopped.set(nameOf(stopped), stopped);
    this.metrics.stoppedPartitions.set(this.labels, this.stopped.size);
    return isNew;
  }

  release(partition: { readonly topic: string; readonly partition: number }): boolean {
    const was = this.stopped.delete(nameOf(partition));
    if (was) this.metrics.stoppedPartitions.set(this.labels, this.stopped.size);
    return was;
  }
}
