import { hasCode, messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { Clock } from '../../lwm2m/client/clock.ts';
import type { ModbusBus, Values } from './bus.ts';
import type { Point, UnitMapping } from './mapping.ts';
import { scopeOf, unreachable } from './modbus-errors.ts';
import { mergeReads, type ReadRange } from './request-merging.ts';

export interface UnitOptions {
  readonly mapping: UnitMapping;
  readonly bus: Pick<ModbusBus, 'read' | 'write'>;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly log?: Log | undefined;
  /** A poll found another value than before. */
  onChange(point: Point): void;
  /** The unit stopped to answer, or answers again. */
  onReachable(reachable: boolean): void;
  /** Pauses while the unit does not answer: doubled up to the longest. */
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
}

export interface UnitCounters {
  polls: number;
  pollFailures: number;
  exceptions: number;
  writes: number;
}

interface PointState {
  readonly point: Point;
  values: Values | undefined;
  readAtMs: number;
  dueAtMs: number;
  /** It answered a merged read with an exception: it is read by itself, so that it spoils no other. */
  alone: boolean;
  reading: Promise<Values> | undefined;
}

const NEVER_MS = Number.NEGATIVE_INFINITY;

/**
 * One Modbus unit: polls its points, answers reads from the last poll while that is young, writes. A unit that does not
 * answer is left alone for growing pauses; its values are then old and are never given out again as if they were new.
 */
export class ModbusUnit {
  readonly counters: UnitCounters = { polls: 0, pollFailures: 0, exceptions: 0, writes: 0 };
  readonly #options: UnitOptions;
  readonly #states: ReadonlyMap<Point, PointState>;
  #failures = 0;
  /** Those of the failures that were the unit's own. */
  #silences = 0;
  #pausedUntilMs = NEVER_MS;
  #stopped = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: UnitOptions) {
    this.#options = options;
    // Units start at different moments; the points of one unit together, so that they can be merged.
    const shortest = Math.min(...options.mapping.points.map((point) => point.pollMs), 1_000);
    const dueAtMs = options.clock.now() + options.random() * shortest;
    const fresh = { values: undefined, readAtMs: NEVER_MS, dueAtMs, alone: false, reading: undefined };
    this.#states = new Map(options.mapping.points.map((point) => [point, { point, ...fresh }]));
  }

  /** False after a request without an answer, until the next answer. */
  get reachable(): boolean {
    return this.#failures === 0;
  }

  start(): void {
    if (this.#states.size > 0) this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#loop;
  }

  /** The point's registers or bits, at most `pollMs` old. Rejects MODBUS_EXCEPTION, MODBUS_UNREACHABLE. */
  async values(point: Point): Promise<Values> {
    const state = this.#states.get(point)!;
    const now = this.#options.clock.now();
    if (state.values !== undefined && now - state.readAtMs < point.pollMs) return state.values;
    if (now < this.#pausedUntilMs) throw unreachable('unit', `unit ${this.#options.mapping.unitId} does not answer`);
    state.reading ??= this.#readNow(state).finally(() => {
      state.reading = undefined;
    });
    return await state.reading;
  }

  /** Writes registers or bits from `index` of the point on. Tried even while the unit is left alone. Rejects as `values` does. */
  async write(point: Point, index: number, values: Values): Promise<void> {
    const { bus, mapping } = this.#options;
    const { unitId } = mapping;
    const table = point.table === 'coil' ? 'coil' : 'holding-register';
    const address = point.address + index;
    await this.#observed(bus.write(table, { unitId, address, values }));
    this.counters.writes++;
    this.#keepWritten(point, index, values);
    this.#readAgain(point, address, values.length);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#pause(this.#nextDueMs() - this.#options.clock.now());
      const now = this.#options.clock.now();
      if (this.#stopped || now < this.#pausedUntilMs) continue;
      const due = [...this.#states.values()].filter((state) => state.dueAtMs <= now);
      for (const state of due) state.dueAtMs = Math.max(state.dueAtMs + state.point.pollMs, now);
      await this.#poll(due);
    }
  }

  #nextDueMs(): number {
    const earliest = Math.min(...[...this.#states.values()].map((state) => state.dueAtMs));
    return Math.max(earliest, this.#pausedUntilMs);
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs <= 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  async #poll(due: readonly PointState[]): Promise<void> {
    const { mapping } = this.#options;
    const merged = due.filter((state) => !state.alone).map((state) => state.point);
    const alone = due.filter((state) => state.alone).map((state) => rangeOf(state.point));
    for (const table of new Set(merged.map((point) => point.table))) {
      const isBits = table === 'coil' || table === 'discrete-input';
      const limits = { most: isBits ? mapping.maxBits : mapping.maxRegisters, maxGap: mapping.maxGap };
      const ranges = mergeReads(
        merged.filter((point) => point.table === table),
        limits,
      );
      for (const range of ranges) if (!(await this.#pollRange(range))) return;
    }
    for (const range of alone) if (!(await this.#pollRange(range))) return;
  }

  /** False when the unit does not answer: the rest of the round is spared. Never rejects. */
  async #pollRange(range: ReadRange): Promise<boolean> {
    if (this.#stopped) return false;
    this.counters.polls++;
    try {
      await this.#readRange(range, 'poll');
      return true;
    } catch (error) {
      this.counters.pollFailures++;
      if (!hasCode(error, 'MODBUS_EXCEPTION')) return scopeOf(error) === 'queue';
      if (range.points.length > 1) return await this.#pollEach(range.points);
      this.#states.get(range.points[0]!)!.alone = true;
      return true;
    }
  }

  /** One bad register in a merged read fails all of it: find out which. */
  async #pollEach(points: readonly Point[]): Promise<boolean> {
    for (const point of points) if (!(await this.#pollRange(rangeOf(point)))) return false;
    return true;
  }

  async #readNow(state: PointState): Promise<Values> {
    await this.#readRange(rangeOf(state.point), 'read');
    return state.values!;
  }

  async #readRange(range: ReadRange, priority: 'read' | 'poll'): Promise<void> {
    const { unitId } = this.#options.mapping;
    const { address, count, points } = range;
    const read = this.#options.bus.read(points[0]!.table, { unitId, address, count }, priority);
    const values = await this.#observed(read).catch((error: unknown) => {
      for (const point of points) this.#states.get(point)!.readAtMs = NEVER_MS;
      throw error;
    });
    for (const point of points) {
      const from = point.address - address;
      this.#keep(this.#states.get(point)!, values.slice(from, from + point.span), priority);
    }
  }

  /** The first value is news when polling finds it, and no news to who asked for it. */
  #keep(state: PointState, values: Values, priority: 'read' | 'poll'): void {
    const before = state.values;
    state.values = values;
    state.readAtMs = this.#options.clock.now();
    state.alone = false;
    const isNews = before === undefined ? priority === 'poll' : values.some((value, i) => value !== before[i]);
    if (isNews) this.#options.onChange(state.point);
  }

  #keepWritten(point: Point, index: number, values: Values): void {
    const state = this.#states.get(point)!;
    const isWhole = index === 0 && values.length === point.span;
    if (state.values === undefined && !isWhole) return;
    const kept: (number | boolean)[] = [...(state.values ?? values)];
    kept.splice(index, values.length, ...values);
    state.values = kept as Values;
    if (isWhole) state.readAtMs = this.#options.clock.now();
  }

  /** Other points over the same registers have changed with it. */
  #readAgain(written: Point, address: number, count: number): void {
    for (const state of this.#states.values()) {
      const { point } = state;
      const overlaps = point.address < address + count && address < point.address + point.span;
      if (point === written || point.table !== written.table || !overlaps) continue;
      state.readAtMs = NEVER_MS;
      state.dueAtMs = this.#options.clock.now();
      this.#wake?.();
    }
  }

  /** Passes an exchange through and draws from its outcome whether the unit answers. */
  async #observed<T>(exchange: Promise<T>): Promise<T> {
    try {
      const value = await exchange;
      this.#answered();
      return value;
    } catch (error) {
      if (hasCode(error, 'MODBUS_EXCEPTION')) {
        this.counters.exceptions++;
        this.#answered();
      } else if (scopeOf(error) === 'unit' || scopeOf(error) === 'connection') {
        this.#unanswered(error);
      }
      throw error;
    }
  }

  #answered(): void {
    const wasAway = this.#failures > 0;
    this.#failures = 0;
    this.#silences = 0;
    this.#pausedUntilMs = NEVER_MS;
    if (wasAway) this.#tell(true, 'a Modbus unit answers again');
  }

  /** A connection that is down has pauses of its own: the unit is tried as soon as it can be up again. */
  #unanswered(error: unknown): void {
    const { clock, random, firstPauseMs = 1_000, longestPauseMs = 30_000 } = this.#options;
    const exponent = scopeOf(error) === 'unit' ? Math.min(this.#silences++, 20) : 0;
    const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** exponent);
    this.#pausedUntilMs = clock.now() + ceiling * (0.5 + 0.5 * random());
    for (const state of this.#states.values()) state.readAtMs = NEVER_MS;
    const wasThere = this.#failures === 0;
    this.#failures++;
    if (wasThere) this.#tell(false, `a Modbus unit does not answer; trying on: ${messageOf(error)}`);
  }

  #tell(reachable: boolean, message: string): void {
    const { unitId, endpointName } = this.#options.mapping;
    this.#options.log?.[reachable ? 'info' : 'warn']({ unitId, endpointName }, message);
    this.#options.onReachable(reachable);
  }
}

function rangeOf(point: Point): ReadRange {
  return { address: point.address, count: point.span, points: [point] };
}
