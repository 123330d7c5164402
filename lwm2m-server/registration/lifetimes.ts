const SECOND_MS = 1_000;

/** The end of what never ends: past any uptime, and a small integer, which costs no memory of its own. */
const NEVER = 2 ** 31 - 1;

/** Second in which it ends, and the one in which it is looked at next; both belong to `Lifetimes`. 0 is not in. */
export interface Mortal {
  endsAtSecond: number;
  dueAtSecond: number;
}

/** Entries that no longer count are thrown away when there are more than so many besides one for each that lives. */
const STALE_LIMIT = 1_000;

/**
 * Which ones run out when: a heap by second. Moving an end back costs nothing: the entry stays where it is, and is put in again when
 * it comes up too early. Holds as many as its owner sets.
 */
export class Lifetimes<T extends Mortal> {
  #seconds: number[] = [];
  #items: T[] = [];
  #living = 0;

  /** Entries held, those that no longer count included: for tests. */
  get entries(): number {
    return this.#items.length;
  }

  /** Sets or moves the end; a time already past runs out at the next `takeExpired`. */
  set(item: T, expiresAtMs: number): void {
    const second = Math.min(NEVER, Math.max(1, Math.ceil(expiresAtMs / SECOND_MS)));
    if (item.endsAtSecond === 0) this.#living++;
    item.endsAtSecond = second;
    if (second === NEVER || (item.dueAtSecond !== 0 && item.dueAtSecond <= second)) return;
    item.dueAtSecond = second;
    this.#push(second, item);
    if (this.#items.length > 2 * this.#living + STALE_LIMIT) this.#rebuild();
  }

  delete(item: T): void {
    if (item.endsAtSecond === 0) return;
    item.endsAtSecond = 0;
    item.dueAtSecond = 0;
    this.#living--;
  }

  /** Takes each whose time is over. */
  takeExpired(nowMs: number): T[] {
    const now = Math.floor(nowMs / SECOND_MS);
    const expired: T[] = [];
    while (this.#seconds.length > 0 && this.#seconds[0]! <= now) {
      const second = this.#seconds[0]!;
      const item = this.#pop();
      if (item.dueAtSecond !== second) continue;
      item.dueAtSecond = 0;
      if (item.endsAtSecond <= now) {
        expired.push(item);
        item.endsAtSecond = 0;
        this.#living--;
      } else if (item.endsAtSecond < NEVER) {
        item.dueAtSecond = item.endsAtSecond;
        this.#push(item.endsAtSecond, item);
      }
    }
    return expired;
  }

  #rebuild(): void {
    const [seconds, items] = [this.#seconds, this.#items];
    this.#seconds = [];
    this.#items = [];
    for (const [index, item] of items.entries()) {
      if (item.dueAtSecond === seconds[index]) this.#push(seconds[index], item);
    }
  }

  #push(second: number, item: T): void {
    let at = this.#items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#seconds[parent]! <= second) break;
      this.#put(at, this.#seconds[parent]!, this.#items[parent]!);
      at = parent;
    }
    this.#put(at, second, item);
  }

  #pop(): T {
    const first = this.#items[0]!;
    const second = this.#seconds.pop()!;
    const item = this.#items.pop()!;
    const size = this.#items.length;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#seconds[child + 1]! < this.#seconds[child]!) child++;
      if (this.#seconds[child]! >= second) break;
      this.#put(at, this.#seconds[child]!, this.#items[child]!);
      at = child;
    }
    this.#put(at, second, item);
    return first;
  }

  #put(at: number, second: number, item: T): void {
    this.#seconds[at] = second;
    this.#items[at] = item;
  }
}
