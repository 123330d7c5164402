/** Something that ends at a time; `deadlineIndex` belongs to `Deadlines` and is -1 while it is not in. */
export interface Deadlined {
  deadlineIndex: number;
  readonly expiresAtMs: number;
}

/** Earliest first: a heap in which each knows its place, so that one taken out leaves nothing behind. Holds what its owner adds. */
export class Deadlines<T extends Deadlined> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get nextMs(): number | undefined {
    return this.#heap[0]?.expiresAtMs;
  }

  add(item: T): void {
    if (item.deadlineIndex >= 0) return;
    item.deadlineIndex = this.#heap.length;
    this.#heap.push(item);
    this.#rise(item.deadlineIndex);
  }

  delete(item: T): void {
    const at = item.deadlineIndex;
    if (at < 0) return;
    item.deadlineIndex = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    this.#put(at, last);
    this.#rise(at);
    this.#sink(last.deadlineIndex);
  }

  /** Takes the first whose time has come, if any. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.expiresAtMs > nowMs) return undefined;
    this.delete(first);
    return first;
  }

  #rise(from: number): void {
    const item = this.#heap[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#heap[parent]!.expiresAtMs <= item.expiresAtMs) break;
      this.#put(at, this.#heap[parent]!);
      at = parent;
    }
    this.#put(at, item);
  }

  #sink(from: number): void {
    const item = this.#heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && this.#heap[child + 1]!.expiresAtMs < this.#heap[child]!.expiresAtMs) child++;
      if (this.#heap[child]!.expiresAtMs >= item.expiresAtMs) break;
      this.#put(at, this.#heap[child]!);
      at = child;
    }
    this.#put(at, item);
  }

  #put(at: number, item: T): void {
    this.#heap[at] = item;
    item.deadlineIndex = at;
  }
}
