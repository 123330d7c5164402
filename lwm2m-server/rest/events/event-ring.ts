/** One event as it stands in a stream of server-sent events. */
export interface RingEvent {
  /** Counts from 1 and never skips. */
  readonly sequence: number;
  readonly name: string;
  readonly endpointName: string;
  /** True for what is only for streams that asked for this one device. */
  readonly narrow: boolean;
  /** JSON; made when the first stream asks for it. */
  data(): string;
}

export type NewEvent = Omit<RingEvent, 'sequence' | 'data'> & {
  readonly bytes: number;
  readonly json: () => unknown;
};

interface Kept extends RingEvent {
  readonly bytes: number;
}

/** The newest events, within a number and an estimate of bytes; the oldest goes first. Streams read at their own pace. */
export class EventRing {
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #events: (Kept | undefined)[];
  #bytes = 0;
  /** Sequence of the oldest event held and of the next to come. */
  #oldest = 1;
  #next = 1;
  /** Events before this one were not all noted. */
  #complete = 1;

  constructor(capacity: number, maxBytes: number) {
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
    this.#events = Array.from({ length: capacity });
  }

  /** Sequence of the oldest event that can still be read. */
  get oldest(): number {
    return this.#oldest;
  }

  get next(): number {
    return this.#next;
  }

  /** How many events one at this place has missed; null when nobody can tell. */
  missedSince(sequence: number): number | null {
    if (sequence < this.#complete) return null;
    return Math.max(0, this.#oldest - sequence);
  }

  push({ bytes, json, ...head }: NewEvent): void {
    if (this.#next - this.#oldest >= this.#capacity) this.#dropOldest();
    const sequence = this.#next++;
    let text: string | undefined;
    const data = () => {
      text ??= JSON.stringify(json());
      return text;
    };
    this.#events[sequence % this.#capacity] = { ...head, sequence, bytes, data };
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes && this.#oldest < sequence) this.#dropOldest();
  }

  /** Undefined when it is not there yet, or no longer. */
  at(sequence: number): RingEvent | undefined {
    return sequence < this.#oldest || sequence >= this.#next ? undefined : this.#events[sequence % this.#capacity];
  }

  /** Forgets what it holds and skips a number, so that whoever was behind learns of a gap. */
  interrupt(): void {
    this.#events.fill(undefined);
    this.#bytes = 0;
    this.#next++;
    this.#oldest = this.#next;
    this.#complete = this.#next;
  }

  #dropOldest(): void {
    const index = this.#oldest++ % this.#capacity;
    this.#bytes -= this.#events[index]?.bytes ?? 0;
    this.#events[index] = undefined;
  }
}
