const BUCKET_MS = 1_000;

/**
 * Which ids run out when: one bucket per second, so that setting, moving and taking cost the same however many there are.
 * Holds as many ids as its owner registers.
 */
export class Lifetimes {
  readonly #buckets = new Map<number, Set<string>>();
  readonly #bucketOf = new Map<string, number>();
  #takenUpTo: number;

  constructor(nowMs: number) {
    this.#takenUpTo = Math.floor(nowMs / BUCKET_MS) - 1;
  }

  /** Sets or moves the end of an id; a time already past runs out at the next `takeExpired`. */
  set(id: string, expiresAtMs: number): void {
    this.delete(id);
    const bucket = Math.max(Math.ceil(expiresAtMs / BUCKET_MS), this.#takenUpTo + 1);
    const ids = this.#buckets.get(bucket);
    if (ids === undefined) this.#buckets.set(bucket, new Set([id]));
    else ids.add(id);
    this.#bucketOf.set(id, bucket);
  }

  delete(id: string): void {
    const bucket = this.#bucketOf.get(id);
    if (bucket === undefined) return;
    this.#bucketOf.delete(id);
    const ids = this.#buckets.get(bucket);
    ids?.delete(id);
    if (ids?.size === 0) this.#buckets.delete(bucket);
  }

  /** Takes every id whose time is over. */
  takeExpired(nowMs: number): string[] {
    const last = Math.floor(nowMs / BUCKET_MS);
    const expired: string[] = [];
    // After a clock jump of days walking the buckets that exist is shorter than walking the seconds.
    const due =
      last - this.#takenUpTo > this.#buckets.size
        ? [...this.#buckets.keys()].filter((bucket) => bucket <= last)
        : range(this.#takenUpTo + 1, last);
    for (const bucket of due) {
      for (const id of this.#buckets.get(bucket) ?? []) {
        expired.push(id);
        this.#bucketOf.delete(id);
      }
      this.#buckets.delete(bucket);
    }
    this.#takenUpTo = Math.max(this.#takenUpTo, last);
    return expired;
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
