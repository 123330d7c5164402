import type { ObservationView } from './observation-view.ts';
import { type OpenWindow, type WindowShape, WindowStore } from './state/window-store.ts';
import {
  type Emitter,
  FUTURE_LIMIT_MS,
  isLongNamed,
  noSkips,
  type SkipReason,
  type StreamTask,
  type TaskClock,
} from './stream-task.ts';

/** What is done to the observations of one key in one window. Pure: everything it knows comes in as arguments. */
export interface Aggregate<S> {
  /** Keys are endpoint and path, or the endpoint alone. */
  readonly keyedBy: 'endpoint' | 'endpoint and path';
  /** Undefined when the observation counts; else why not. */
  skips(observation: ObservationView): SkipReason | undefined;
  create(): S;
  /** False when the state stays as it was. */
  update(state: S, observation: ObservationView): boolean;
  /** For the changelog, and back; the bytes to decode are lent. `decode` throws at bytes that `encode` cannot have made. */
  encode(state: S): Buffer;
  decode(bytes: Buffer): S;
  /** What a state says to the world. `final` once its window is closed. */
  emit(out: Emitter, result: WindowResult<S>): void;
  /** Told of each window when it closes. */
  onClosed?(window: ClosedWindow<S>): void;
}

export interface WindowResult<S> {
  readonly startMs: number;
  readonly endMs: number;
  readonly ep: string;
  /** Empty where keys are endpoints. */
  readonly path: string;
  readonly state: S;
}

export interface ClosedWindow<S> {
  readonly startMs: number;
  readonly results: Iterable<WindowResult<S>>;
}

/** Whether a state is told each time it changed, or once, when its window closes. */
export type Emission = 'updates' | 'final';

export interface WindowedTaskOptions<S> {
  readonly aggregate: Aggregate<S>;
  readonly shape: WindowShape;
  readonly emission: Emission;
  /** Keys in all open windows together. */
  readonly entriesLimit: number;
}

const START_BYTES = 8;

/**
 * An aggregate over windows of the time of the values. Stream time moves with the times of values, but no further than the record that
 * brings one, so that a device with a wrong clock does not close the windows of the others.
 */
export class WindowedTask<S> implements StreamTask {
  readonly skips = noSkips();
  readonly #o: WindowedTaskOptions<S>;
  readonly #store: WindowStore<S>;
  readonly #byPath: boolean;
  #closed: OpenWindow<S>[] = [];
  /** Open windows in which something changed since the last flush. */
  #changed: OpenWindow<S>[] = [];
  #unflushed = 0;

  constructor(o: WindowedTaskOptions<S>) {
    this.#o = o;
    this.#store = new WindowStore(o.shape, o.entriesLimit);
    this.#byPath = o.aggregate.keyedBy === 'endpoint and path';
  }

  get entries(): number {
    return this.#store.entries;
  }

  get form(): string {
    const { sizeMs, advanceMs } = this.#o.shape;
    return `windows of ${sizeMs} ms every ${advanceMs} ms`;
  }

  get unflushed(): number {
    return this.#unflushed;
  }

  get clock(): TaskClock {
    return { streamTimeMs: this.#store.streamTimeMs, closedThroughMs: this.#store.closedThroughMs };
  }

  set clock({ streamTimeMs, closedThroughMs }: TaskClock) {
    this.#store.closedThroughMs = closedThroughMs;
    this.#store.advance(streamTimeMs);
    this.#collectClosed();
  }

  process(observation: ObservationView, recordTimeMs: number): void {
    const reason = isLongNamed(observation) ? 'too_long' : this.#o.aggregate.skips(observation);
    if (reason !== undefined) {
      this.skips[reason]++;
      return;
    }
    const { timestamp } = observation;
    if (timestamp > recordTimeMs + FUTURE_LIMIT_MS) {
      this.skips.from_future++;
      return;
    }
    const store = this.#store;
    const before = store.streamTimeMs;
    store.advance(Math.min(timestamp, recordTimeMs));
    if (store.streamTimeMs !== before) this.#collectClosed();
    const { sizeMs, advanceMs } = store.shape;
    let open = false;
    for (let start = store.lastStart(timestamp); start > timestamp - sizeMs; start -= advanceMs) {
      const window = store.at(start);
      if (window === undefined) continue;
      open = true;
      this.#update(window, observation);
    }
    if (!open) this.skips.late++;
  }

  tick(): void {}

  flush(out: Emitter): void {
    for (const window of this.#closed) this.#flushClosed(out, window);
    this.#closed = [];
    for (const window of this.#changed) this.#flushOpen(out, window);
    this.#changed = [];
    this.#unflushed = 0;
  }

  restore(key: Buffer, value: Buffer | null): void {
    const start = Number(key.readBigInt64BE(0));
    const isOurs = this.#store.lastStart(start) === start && key.indexOf(0, START_BYTES) > 0;
    if (!isOurs) throw new RangeError('no key of a window');
    this.#store.restore(start, key.subarray(START_BYTES), value === null ? null : this.#o.aggregate.decode(value));
  }

  #update(window: OpenWindow<S>, observation: ObservationView): void {
    const { bytes, epStart, epEnd } = observation;
    const pathStart = this.#byPath ? observation.pathStart : 0;
    const pathEnd = this.#byPath ? observation.pathEnd : 0;
    let index = window.keys.find(bytes, epStart, epEnd, pathStart, pathEnd);
    if (index < 0) {
      if (!this.#store.hasRoom && !this.#makeRoom(window)) {
        this.skips.state_full++;
        return;
      }
      index = window.keys.add(bytes, epStart, epEnd, pathStart, pathEnd);
      window.append(this.#o.aggregate.create());
      this.#store.entries++;
    }
    if (!this.#o.aggregate.update(window.states[index]!, observation)) return;
    if (window.isDirty(index)) return;
    this.#unflushed++;
    if (window.dirty.length === 0) this.#changed.push(window);
    window.touch(index);
  }

  #makeRoom(window: OpenWindow<S>): boolean {
    const made = this.#store.makeRoomFor(window);
    this.#collectClosed();
    return made;
  }

  #collectClosed(): void {
    for (const window of this.#store.takeClosed()) {
      this.#closed.push(window);
      this.#unflushed += window.live;
      this.#o.aggregate.onClosed?.({ startMs: window.start, results: this.#resultsOf(window) });
    }
  }

  #flushClosed(out: Emitter, window: OpenWindow<S>): void {
    const { aggregate, emission } = this.#o;
    for (let index = 0; index < window.states.length; index++) {
      if (window.isDead(index)) continue;
      if (emission === 'final' || window.isDirty(index)) aggregate.emit(out, this.#resultOf(window, index));
      if (window.isKept(index)) out.change(changelogKey(window, index), null);
    }
    window.dirty.length = 0;
  }

  #flushOpen(out: Emitter, window: OpenWindow<S>): void {
    const { aggregate, emission } = this.#o;
    for (const index of window.dirty) {
      if (emission === 'updates') aggregate.emit(out, this.#resultOf(window, index));
      out.change(changelogKey(window, index), aggregate.encode(window.states[index]!));
      window.keep(index);
    }
    window.dirty.length = 0;
  }

  *#resultsOf(window: OpenWindow<S>): Iterable<WindowResult<S>> {
    for (let index = 0; index < window.states.length; index++)
      if (!window.isDead(index)) yield this.#resultOf(window, index);
  }

  #resultOf(window: OpenWindow<S>, index: number): WindowResult<S> {
    const key = window.keys.keyOf(index);
    const cut = key.lastIndexOf(0);
    const ep = key.toString('utf8', 0, cut);
    const path = key.toString('utf8', cut + 1);
    const startMs = window.start;
    return { startMs, endMs: startMs + this.#o.shape.sizeMs, ep, path, state: window.states[index]! };
  }
}

/** Start of the window, 64 bits, and the key. */
function changelogKey<S>(window: OpenWindow<S>, index: number): Buffer {
  const key = window.keys.keyOf(index);
  const bytes = Buffer.allocUnsafe(START_BYTES + key.length);
  bytes.writeBigInt64BE(BigInt(window.start), 0);
  bytes.set(key, START_BYTES);
  return bytes;
}
