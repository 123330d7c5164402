import { messageOf } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';

/** The next record of a partition to be read after a restart. */
export interface PartitionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

export interface OrderedCommitsOptions {
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  onCommitted(): void;
  /** Nothing is committed any more once it is aborted. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * Commits offsets as their batches are done, each partition in the order of `add`, so that a committed offset says that all before it is
 * done. While one request is on its way the next gathers; one that fails is tried again, with what came meanwhile.
 */
export class OrderedCommits {
  readonly #o: OrderedCommitsOptions;
  /** By partition: resolves when all of it so far is done. */
  readonly #chains = new Map<string, Promise<unknown>>();
  readonly #due = new Map<string, PartitionOffset>();
  #isRunning = false;

  constructor(o: OrderedCommitsOptions) {
    this.#o = o;
  }

  /** Resolves when this and all before it in the partition is done; the commit follows. Rejects as the first of them does. */
  async add(offset: PartitionOffset, done: Promise<unknown>): Promise<void> {
    const key = `${offset.topic}/${offset.partition}`;
    const before = this.#chains.get(key);
    const chain = Promise.all([before, done]);
    this.#chains.set(
      key,
      chain.then(() => undefined),
    );
    this.#chains.get(key)!.catch(() => undefined);
    await chain;
    this.#due.set(key, offset);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    const { commit, onCommitted, signal, log } = this.#o;
    this.#isRunning = true;
    for (let attempt = 0; this.#due.size > 0 && !signal.aborted; ) {
      const offsets = new Map(this.#due);
      this.#due.clear();
      try {
        await commit([...offsets.values()]);
        attempt = 0;
        onCommitted();
      } catch (error) {
        log.debug({ reason: messageOf(error) }, 'offsets could not be committed and are tried again');
        for (const [key, offset] of offsets) if (!this.#due.has(key)) this.#due.set(key, offset);
        await sleep(backoffMs(attempt++), signal);
      }
    }
    this.#isRunning = false;
  }
}
