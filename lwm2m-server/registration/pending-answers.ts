import type { Respond, ResponseToSend } from '../../lwm2m/coap/endpoint.ts';

interface Pending {
  readonly respond: Respond;
  readonly sinceMs: number;
}

/** Called once with the answer; undefined is 5.03. */
export type Settle = (answer: ResponseToSend | undefined) => void;

/** Answers that wait for Kafka. One that waits longer than the patience is given as 5.03, once. Bounded by the producer's backlog. */
export class PendingAnswers {
  readonly #patienceMs: number;
  readonly #retryAfterSeconds: number;
  readonly #waiting = new Set<Pending>();

  constructor(patienceMs: number, retryAfterSeconds: number) {
    this.#patienceMs = patienceMs;
    this.#retryAfterSeconds = retryAfterSeconds;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(respond: Respond, nowMs: number): Settle {
    const pending: Pending = { respond, sinceMs: nowMs };
    this.#waiting.add(pending);
    return (answer) => {
      if (this.#waiting.delete(pending)) respond(answer ?? this.#unavailable());
    };
  }

  /** Refuses what waited too long and returns how many. Insertion order is time order. */
  refuseOverdue(nowMs: number): number {
    let refused = 0;
    for (const pending of this.#waiting) {
      if (nowMs - pending.sinceMs < this.#patienceMs) break;
      this.#waiting.delete(pending);
      pending.respond(this.#unavailable());
      refused++;
    }
    return refused;
  }

  #unavailable(): ResponseToSend {
    return { code: '5.03', maxAgeSeconds: this.#retryAfterSeconds };
  }
}
