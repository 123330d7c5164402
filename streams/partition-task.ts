import { hasCode, messageOf } from '../common/errors.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import { PartitionRun, type PartitionRunOptions } from './partition-run.ts';
import type { StreamTask } from './stream-task.ts';

export interface PartitionTaskOptions extends Omit<PartitionRunOptions, 'signal' | 'onRunning' | 'onStalled'> {
  createTask(partition: number): StreamTask;
  /** Makes the partition's place in the topics that are written. @param again it, or another, had it done before and failed since */
  prepare(partition: number, again: boolean): Promise<void>;
  /** Told why it does not run, and undefined once it does. */
  onWaiting(partition: number, reason: string | undefined): void;
}

/** The one who took over may not be the one whom the group means; a moment later the group has settled it. */
const FENCED_PAUSE_MS = 3_000;

/** A life that lasted so long was a good one: what ended it is a first failure. */
const GOOD_LIFE_MS = 60_000;

/** A partition as long as this worker has it: one life of its task after another. */
export class PartitionTask {
  readonly #o: PartitionTaskOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;

  /** @param after resolves when the partition is free: an earlier task of this worker may still be ending */
  constructor(o: PartitionTaskOptions, after: Promise<void>) {
    this.#o = o;
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
      const startedAt = performance.now();
      try {
        await this.#o.prepare(partition, attempt > 0);
        await this.#liveOnce();
      } catch (error) {
        if (signal.aborted) {
          this.#o.log.info(
            { partition, reason: messageOf(error) },
            'the last results were not committed; they come again',
          );
          break;
        }
        onWaiting(partition, messageOf(error));
        if (performance.now() - startedAt > GOOD_LIFE_MS) attempt = 0;
        this.#report(error, attempt);
        await sleep(hasCode(error, 'PRODUCER_FENCED') ? FENCED_PAUSE_MS : backoffMs(attempt), signal);
      } finally {
        this.#o.figures.isRunning = false;
        this.#o.figures.task = undefined;
      }
    }
    onWaiting(partition, undefined);
  }

  async #liveOnce(): Promise<void> {
    const { partition, onWaiting, figures } = this.#o;
    const task = this.#o.createTask(partition);
    figures.task = task;
    const onRunning = () => {
      figures.isRunning = true;
      onWaiting(partition, undefined);
    };
    const onStalled = (reason: string | undefined) => onWaiting(partition, reason);
    await new PartitionRun({ ...this.#o, signal: this.#stopping.signal, onRunning, onStalled }, task).run();
  }

  #report(error: unknown, attempt: number): void {
    const { log, partition } = this.#o;
    if (hasCode(error, 'PRODUCER_FENCED'))
      log.info(
        { partition },
        'another worker took the partition, or the broker gave up a transaction; if the group means this one it goes on',
      );
    else if (attempt === 0)
      log.warn({ partition, reason: messageOf(error) }, 'a task broke off; it goes on from its last commit by itself');
  }
}
