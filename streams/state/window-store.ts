import { ByteKeyTable } from './byte-key-table.ts';
import { StartHeap } from './start-heap.ts';

/** Windows of event time: tumbling when `advanceMs` equals `sizeMs`, hopping when it is less. They begin at multiples of `advanceMs`. */
export interface WindowShape {
  readonly sizeMs: number;
  readonly advanceMs: number;
  /** How long after its end, in stream time, a window still takes records. */
  readonly graceMs: number;
}

const DIRTY = 1;
/** The changelog has it. */
const KEPT = 2;
const DEAD = 4;

/** What one window holds: a state for each key, by the number that the table gives it. */
export class OpenWindow<S> {
  readonly start: number;
  readonly keys = new ByteKeyTable();
  readonly states: S[] = [];
  /** Numbers of the keys that changed since the last flush. */
  readonly dirty: number[] = [];
  readonly #flags: number[] = [];
  live = 0;

  constructor(start: number) {
    this.start = start;
  }

  /** Right after `keys.find` said −1 and `keys.add` gave the number. */
  append(state: S): void {
    this.states.push(state);
    this.#flags.push(0);
    this.live++;
  }

  touch(index: number): void {
    if ((this.#flags[index]! & DIRTY) !== 0) return;
    this.#flags[index]! |= DIRTY;
    this.dirty.push(index);
  }

  isDirty(index: number): boolean {
    return (this.#flags[index]! & DIRTY) !== 0;
  }

  isKept(index: number): boolean {
    return (this.#flags[index]! & KEPT) !== 0;
  }

  isDead(index: number): boolean {
    return (this.#flags[index]! & DEAD) !== 0;
  }

  /** The changelog is told of the state it has now. */
  keep(index: number): void {
    this.#flags[index] = KEPT;
  }

  bury(index: number): void {
    if (!this.isDead(index)) this.live--;
    this.#flags[index] = DEAD;
  }

  revive(index: number): void {
    if (this.isDead(index)) this.live++;
    this.#flags[index] = KEPT;
  }
}

/**
 * The windows of one task. Stream time is the latest time that was seen; a window is closed once stream time passes its end by the
 * grace, and what comes for it then is late. With more keys than the limit the oldest window is closed before its time.
 */
export class WindowStore<S> {
  readonly shape: WindowShape;
  readonly #limit: number;
  readonly #windows = new Map<number, OpenWindow<S>>();
  /** Of the open windows, and of some that are open no more. */
  readonly #starts = new StartHeap();
  #closed: OpenWindow<S>[] = [];
  #latest: OpenWindow<S> | undefined;
  #nextClose = Number.POSITIVE_INFINITY;
  streamTimeMs = Number.NEGATIVE_INFINITY;
  closedThroughMs = Number.NEGATIVE_INFINITY;
  /** Keys in open windows. */
  entries = 0;
  /** Windows that were closed before their time. */
  closedEarly = 0;

  /** @param limit keys in all open windows together */
  constructor(shape: WindowShape, limit: number) {
    this.shape = shape;
    this.#limit = limit;
  }

  advance(timeMs: number): void {
    if (timeMs <= this.streamTimeMs) return;
    this.streamTimeMs = timeMs;
    if (timeMs >= this.#nextClose) this.#closeDue();
  }

  /** The start of the last window that a time lies in; the others begin `advanceMs` before each, as long as they reach over it. */
  lastStart(timeMs: number): number {
    return Math.floor(timeMs / this.shape.advanceMs) * this.shape.advanceMs;
  }

  /** The window, opened if need be; undefined when it is closed for good. */
  at(start: number): OpenWindow<S> | undefined {
    const latest = this.#latest;
    if (latest !== undefined && latest.start === start) return latest;
    if (start <= this.closedThroughMs || this.#closesAt(start) <= this.streamTimeMs) return undefined;
    return this.#open(start);
  }

  /** Closes the oldest window if that makes room for a key of another; false when there is no room to be had. */
  makeRoomFor(window: OpenWindow<S>): boolean {
    while (this.entries >= this.#limit) {
      const oldest = this.#oldest();
      if (oldest === undefined || oldest.start >= window.start) return false;
      this.closedThroughMs = oldest.start;
      this.closedEarly++;
      this.#close(oldest);
    }
    return true;
  }

  get hasRoom(): boolean {
    return this.entries < this.#limit;
  }

  /** Windows that were closed since the last call, oldest first. */
  takeClosed(): readonly OpenWindow<S>[] {
    const closed = this.#closed;
    this.#closed = [];
    return closed;
  }

  /** Puts back what the changelog has; null forgets it. */
  restore(start: number, key: Buffer, state: S | null): void {
    const window = this.#open(start);
    const before = window.live;
    const index = window.keys.intern(key);
    if (index === window.states.length) window.append(state as S);
    if (state === null) window.bury(index);
    else {
      window.states[index] = state;
      window.revive(index);
    }
    this.entries += window.live - before;
    if (window.live > 0) return;
    this.#windows.delete(start);
    this.#latest = undefined;
  }

  #closesAt(start: number): number {
    return start + this.shape.sizeMs + this.shape.graceMs;
  }

  #open(start: number): OpenWindow<S> {
    let window = this.#windows.get(start);
    if (window === undefined) {
      window = new OpenWindow<S>(start);
      this.#windows.set(start, window);
      this.#starts.add(start);
      this.#nextClose = Math.min(this.#nextClose, this.#closesAt(start));
    }
    this.#latest = window;
    return window;
  }

  #closeDue(): void {
    let oldest = this.#oldest();
    while (oldest !== undefined && this.#closesAt(oldest.start) <= this.streamTimeMs) {
      this.#close(oldest);
      oldest = this.#oldest();
    }
    this.#nextClose = oldest === undefined ? Number.POSITIVE_INFINITY : this.#closesAt(oldest.start);
  }

  #oldest(): OpenWindow<S> | undefined {
    for (let start = this.#starts.least; start !== undefined; start = this.#starts.least) {
      const window = this.#windows.get(start);
      if (window !== undefined) return window;
      this.#starts.removeLeast();
    }
    return undefined;
  }

  #close(window: OpenWindow<S>): void {
    this.#windows.delete(window.start);
    if (this.#latest === window) this.#latest = undefined;
    this.entries -= window.live;
    this.#closed.push(window);
  }
}
