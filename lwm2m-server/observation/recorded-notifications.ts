import type { AvroResponseObserve } from '../../schemas/generated/records.ts';

/** A device repeats a notification for at most so long (MAX_TRANSMIT_WAIT, RFC 7252 §4.8.2) with room for a slow start. */
const KEEP_MS = 5 * 60_000;

/**
 * Notifications that a former run of this server recorded and perhaps did not live to acknowledge: a repetition of one of them is
 * acknowledged without a second record. Filled at start from the end of the topic, empty again after a few minutes.
 */
export class RecordedNotifications {
  readonly #keys = new Set<string>();
  readonly #until: number;

  constructor(nowMs: number) {
    this.#until = nowMs + KEEP_MS;
  }

  get size(): number {
    return this.#keys.size;
  }

  remember(record: AvroResponseObserve): void {
    const sequence = record.seq?.long;
    if (sequence !== undefined) this.#keys.add(`${record.observationId}/${sequence}`);
  }

  holds(observationId: string, sequence: number, nowMs: number): boolean {
    if (this.#keys.size === 0) return false;
    if (nowMs > this.#until) {
      this.#keys.clear();
      return false;
    }
    return this.#keys.has(`${observationId}/${sequence}`);
  }
}
