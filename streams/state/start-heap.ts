/** Starts of windows, the smallest first: a binary heap. The same start may be in it twice. */
export class StartHeap {
  readonly #starts: number[] = [];

  get least(): number | undefined {
    return this.#starts[0];
  }

  add(start: number): void {
    const heap = this.#starts;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (heap[parent]! <= start) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = start;
  }

  removeLeast(): void {
    const heap = this.#starts;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
