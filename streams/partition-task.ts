import { type ErrorCode, hasCode, messageOf } from '../common/errors.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { PartitionRun, type PartitionRunOptions } from './partition-run.ts';
import type { PartitionFigures } from './stream-metrics.ts';
import { noSkips, type SkipReason, type Skips, type StreamTask } from './stream-task.ts';

export interface PartitionTaskOptions extends Omit<PartitionRunOptions, 'figures' | 'signal' | 'onRunning'> {
  readonly log: Log;
  createTask(): StreamTask;
  /** Makes the partition's place in the topics that are written. */
  prepare(partition: number): Promise<void>;
  /** Told why it does not run, and undefined once it does. */
  onWaiting(partition: number, reason: string | undefined): void;
}

/** The one who took over may not be the one whom the group means; a moment later the group has settled it. */
const FENCED_PAUSE_MS = 3_000;

/** A partition as long as this worker has it: one life of its task after another. */
export class PartitionTask {
  readonly figures: PartitionFigures;
  readonly #o: PartitionTaskOptions;
  readonly #stopping = new AbortController();
  readonly #earlier = noSkips();
  #task: StreamTask | undefined;
  #isRunning = false;
  readonly #ended: Promise<void>;

  /** @param after resolves when the partition is free: an earlier task of this worker may still be ending */
  constructor(o: PartitionTaskOptions, after: Promise<void>) {
    this.#o = o;
    this.figures = {
      ...{ records: 0, outputs: 0, changes: 0, commits: 0, restored: 0, restoreSeconds: 0, lag: 0 },
      poison: new Map<ErrorCode, number>(),
      skips: () => this.#skips(),
      entries: () => (this.#isRunning ? (this.#task?.entries ?? 0) : 0),
      isRunning: () => this.#isRunning,
    };
    this.#ended = after.then(() => this.#live());
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Resolves when what was read is committed and all is closed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async #live(): Promise<void> {
    const { signal } = this.#stopping;
    const { partition, onWaiting } = this.#o;
    onWaiting(partition, 'its state is being restored');
    for (let attempt = 0; !signal.aborted; attempt++) {
      const startedAt = Date.now();
      try {
        await this.#o.prepare(partition);
        await this.#liveOnce();
      } catch (error) {
        if (signal.aborted) break;
        onWaiting(partition, messageOf(error));
        if (Date.now() - startedAt > 60_000) attempt = 0;
        this.#report(error, attempt);
        await sleep(hasCode(error, 'PRODUCER_FENCED') ? FENCED_PAUSE_MS : backoffMs(attempt), signal);
      } finally {
        this.#bank();
      }
    }
    onWaiting(partition, undefined);
  }

  async #liveOnce(): Promise<void> {
    const { partition, onWaiting } = this.#o;
    this.#task = this.#o.createTask();
    const onRunning = () => {
      this.#isRunning = true;
      onWaiting(partition, undefined);
    };
    const { signal } = this.#stopping;
    await new PartitionRun({ ...this.#o, figures: this.figures, signal, onRunning }, this.#task).run();
  }

  #report(error: unknown, attempt: number): void {
    const { log, partition } = this.#o;
    if (hasCode(error, 'PRODUCER_FENCED')) log.info({ partition }, 'another worker took the partition');
    else if (attempt === 0)
      log.warn({ partition, reason: messageOf(error) }, 'a task broke off; it goes on from its last commit by itself');
  }

  /** Each life has a task of its own, which counts from nothing. */
  #bank(): void {
    this.#isRunning = false;
    addTo(this.#earlier, this.#task?.skips);
    this.#task = undefined;
  }

  #skips(): Skips {
    const sum = { ...this.#earlier };
    addTo(sum, this.#task?.skips);
    return sum;
  }
}

function addTo(sum: Skips, more: Skips | undefined): void {
  for (const [reason, count] of Object.entries(more ?? {}) as [SkipReason, number][]) sum[reason] += count;
}
