import type { RelayedBatch } from './relay.ts';
import type { SourcePartition } from './source-partition.ts';

export interface Advance {
  readonly partition: SourcePartition;
  readonly nextOffset: number;
  readonly epoch: number;
  readonly records: number;
  readonly bytesIn: number;
}

/** What came of one answer of the source. */
export interface Round {
  /** By partition, in order. */
  readonly lists: (readonly (RelayedBatch | Promise<RelayedBatch>)[])[];
  readonly advances: Advance[];
  /** Fetched bytes that it stands for in the budget. */
  bytes: number;
  /** Any part of the answer, whose memory can be used again once all batches of it are answered. */
  readonly memory: Buffer | undefined;
  /** Requests with batches of it that are not answered, and one more until all are sent. */
  unanswered: number;
}

/** Rounds between the readers of a lane and its one writer; the readers' budget of bytes bounds it. */
export class RoundQueue {
  readonly #rounds: Round[] = [];
  #wake: (() => void) | undefined;

  get isEmpty(): boolean {
    return this.#rounds.length === 0;
  }

  push(round: Round): void {
    this.#rounds.push(round);
    this.wake();
  }

  /** Lets who waits look for what changed. */
  wake(): void {
    this.#wake?.();
  }

  /** The oldest; undefined after `wake` without one, or after so many ms. */
  async take(waitMs: number | undefined): Promise<Round | undefined> {
    if (this.#rounds.length > 0) return this.#rounds.shift();
    if (waitMs !== undefined && waitMs <= 0) return undefined;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (waitMs !== undefined) timer = setTimeout(resolve, waitMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
    return this.#rounds.shift();
  }
}
