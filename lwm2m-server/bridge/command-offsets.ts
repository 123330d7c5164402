import type { Held, WaitingCommand } from './waiting-command.ts';

/** One record of the request topic whose effect is not durable yet. */
export interface HeldOffset extends Held {
  readonly offset: number;
  readonly sinceMs: number;
  command: WaitingCommand | undefined;
}

/** Taken from the front at once instead of one by one. */
const FORGOTTEN_AT_ONCE = 512;

/**
 * The records that were fetched and whose offsets are not committed, in their order. An offset may be committed when everything
 * before it is settled. Its owner bounds how many are in.
 */
export class CommandOffsets {
  readonly #held: HeldOffset[] = [];
  #head = 0;
  #first: number | undefined;
  #next: number | undefined;

  /** Records between the first that is not settled and the last that was fetched. */
  get size(): number {
    this.#advance();
    return this.#held.length - this.#head;
  }

  /** @returns undefined when the offset is not behind the last: the consumer began anew, and its records come again */
  take(offset: number, sinceMs: number): HeldOffset | undefined {
    if (this.#next !== undefined && offset < this.#next) return undefined;
    const held = { offset, sinceMs, settled: false, command: undefined };
    this.#held.push(held);
    this.#first ??= offset;
    this.#next = offset + 1;
    return held;
  }

  /** How many offsets lie behind the committed one. */
  uncommitted(committed: number | undefined): number {
    return this.#next === undefined ? 0 : this.#next - (committed ?? this.#first!);
  }

  /** The offset to commit: of the first record that is not settled, or behind the last. Undefined before the first. */
  committable(): number | undefined {
    this.#advance();
    return this.#held[this.#head]?.offset ?? this.#next;
  }

  /** Commands that nothing else holds durably. */
  *unsettled(): IterableIterator<HeldOffset> {
    for (let at = this.#head; at < this.#held.length; at++) if (!this.#held[at]!.settled) yield this.#held[at]!;
  }

  #advance(): void {
    while (this.#head < this.#held.length && this.#held[this.#head]!.settled) this.#head++;
    if (this.#head < FORGOTTEN_AT_ONCE && this.#head < this.#held.length) return;
    this.#held.splice(0, this.#head);
    this.#head = 0;
  }
}
