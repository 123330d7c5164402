/** One entry of the wheel; links make cancelling cheap. */
export interface WheelTimer {
  dueTick: number;
  fire: (() => void) | undefined;
  slot: Set<WheelTimer> | undefined;
}

const SLOTS = 512;

/**
 * All deadlines of an endpoint behind one interval. A timer fires at the first tick at or after its time, never
 * before; an entry further away than one turn stays in its slot until its turn comes.
 */
export class TimerWheel {
  /** Time of the last tick: exact enough for bookkeeping on hot paths. */
  nowMs: number;
  readonly tickMs: number;
  /** Made when first used: a process of a thousand devices has a thousand wheels, mostly empty. */
  readonly #slots = new Map<number, Set<WheelTimer>>();
  readonly #startMs: number;
  #tick = 0;

  constructor(tickMs: number, nowMs: number) {
    this.tickMs = tickMs;
    this.#startMs = nowMs;
    this.nowMs = nowMs;
  }

  /** @param nowMs the time now, so that a late tick does not shorten the delay */
  schedule(nowMs: number, delayMs: number, fire: () => void): WheelTimer {
    const due = Math.ceil((nowMs + delayMs - this.#startMs) / this.tickMs);
    const timer: WheelTimer = { dueTick: Math.max(due, this.#tick + 1), fire, slot: undefined };
    timer.slot = this.#slotOf(timer.dueTick);
    timer.slot.add(timer);
    return timer;
  }

  #slotOf(tick: number): Set<WheelTimer> {
    let slot = this.#slots.get(tick % SLOTS);
    if (slot === undefined) {
      slot = new Set();
      this.#slots.set(tick % SLOTS, slot);
    }
    return slot;
  }

  cancel(timer: WheelTimer | undefined): void {
    timer?.slot?.delete(timer);
    if (timer !== undefined) timer.fire = undefined;
  }

  /** Fires what is due. `guard` runs each, so that one fault does not stop the others. */
  advance(nowMs: number, guard: (fire: () => void) => void): void {
    this.nowMs = nowMs;
    const target = Math.floor((nowMs - this.#startMs) / this.tickMs);
    const from = Math.max(this.#tick + 1, target - SLOTS + 1);
    this.#tick = Math.max(this.#tick, target);
    for (let tick = from; tick <= target; tick++) this.#fireSlot(tick, guard);
  }

  #fireSlot(tick: number, guard: (fire: () => void) => void): void {
    const slot = this.#slots.get(tick % SLOTS);
    if (slot === undefined) return;
    for (const timer of slot) {
      if (timer.dueTick > this.#tick) continue;
      slot.delete(timer);
      const { fire } = timer;
      timer.fire = undefined;
      if (fire !== undefined) guard(fire);
    }
  }
}
