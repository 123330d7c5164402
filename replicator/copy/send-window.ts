import { ByteBudget } from './byte-budget.ts';

const LEAST_BYTES = 256 * 1024;
const FIRST_BYTES = 2 ** 20;
const QUICK_MS = 1_000;
const SLOW_MS = 4_000;

/**
 * Bytes that may be under way to the target. They grow while answers come within a second and shrink when they take longer than
 * four, so that on a slow link no request waits behind so much that its time runs out.
 */
export class SendWindow extends ByteBudget {
  readonly #mostBytes: number;

  constructor(mostBytes: number) {
    super(Math.min(FIRST_BYTES, mostBytes));
    this.#mostBytes = mostBytes;
  }

  /** @param ms from sending to the answer */
  answered(bytes: number, ms: number): void {
    if (ms < QUICK_MS) this.resize(Math.min(this.#mostBytes, this.limit + bytes));
    else if (ms > SLOW_MS) this.resize(Math.max(Math.min(LEAST_BYTES, this.#mostBytes), this.limit / 2));
    this.give(bytes);
  }
}
