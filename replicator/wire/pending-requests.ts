import type { Api } from './api.ts';

/** A request that waits for its answer. */
export interface PendingRequest {
  readonly correlationId: number;
  readonly api: Api<never, unknown>;
  readonly version: number;
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The requests of a connection in the order in which their answers come, with one timer for all: it is set for the earliest deadline known, and set
 * anew only when it fires or when an earlier one is added.
 */
export class PendingRequests {
  readonly #onOverdue: (overdue: PendingRequest) => void;
  readonly #queue: PendingRequest[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(onOverdue: (overdue: PendingRequest) => void) {
    this.#onOverdue = onOverdue;
  }

  get size(): number {
    return this.#queue.length;
  }

  add(request: PendingRequest): void {
    this.#queue.push(request);
    if (request.deadline < this.#timerAt) this.#setTimer(request.deadline);
  }

  /** The one that the next answer belongs to. */
  next(): PendingRequest | undefined {
    return this.#queue.shift();
  }

  /** All that wait, taken out; the timer is off. */
  drain(): PendingRequest[] {
    clearTimeout(this.#timer);
    this.#timerAt = Number.POSITIVE_INFINITY;
    return this.#queue.splice(0);
  }

  #setTimer(at: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#check(), Math.max(1, Math.ceil(at - performance.now())));
  }

  #check(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    let earliest: PendingRequest | undefined;
    for (const request of this.#queue) {
      if (earliest === undefined || request.deadline < earliest.deadline) earliest = request;
    }
    if (earliest === undefined) return;
    if (earliest.deadline <= performance.now()) this.#onOverdue(earliest);
    else this.#setTimer(earliest.deadline);
  }
}
