/** Rounds of one lane at once: the devices behind one gateway share its one connection, and must not hold up the others. */
const LANE_AT_ONCE = 8;

interface Lane {
  running: number;
  readonly waiting: Set<string>;
}

/** Runs one round for each registration that asks for it, so many at a time, in the order in which they asked. */
export class PacedRounds {
  readonly #atOnce: number;
  readonly #run: (registrationId: string) => Promise<void>;
  readonly #laneOf: (registrationId: string) => string | undefined;
  /** Bounded by the registrations, as those of the lanes are: one that waits already is not taken twice. */
  readonly #waiting = new Set<string>();
  readonly #lanes = new Map<string, Lane>();
  #running = 0;

  /**
   * @param run never rejects
   * @param laneOf names what few rounds at once are run of; undefined for a registration by itself
   */
  constructor(
    atOnce: number,
    run: (registrationId: string) => Promise<void>,
    laneOf: (registrationId: string) => string | undefined = () => undefined,
  ) {
    this.#atOnce = atOnce;
    this.#run = run;
    this.#laneOf = laneOf;
  }

  get waiting(): number {
    let waiting = this.#waiting.size;
    for (const lane of this.#lanes.values()) waiting += lane.waiting.size;
    return waiting;
  }

  add(registrationId: string): void {
    this.#waiting.add(registrationId);
    this.#startNext();
  }

  #startNext(): void {
    while (this.#running < this.#atOnce) {
      const next = this.#waiting.values().next();
      if (next.done === true) return;
      this.#waiting.delete(next.value);
      const name = this.#laneOf(next.value);
      if (name !== undefined && !this.#enter(name, next.value)) continue;
      this.#running++;
      void this.#run(next.value).finally(() => {
        this.#running--;
        if (name !== undefined) this.#leave(name);
        this.#startNext();
      });
    }
  }

  /** False when the lane is full: then the round waits for it. */
  #enter(name: string, registrationId: string): boolean {
    const lane = this.#lanes.get(name) ?? { running: 0, waiting: new Set<string>() };
    this.#lanes.set(name, lane);
    if (lane.running >= LANE_AT_ONCE) {
      lane.waiting.add(registrationId);
      return false;
    }
    lane.running++;
    return true;
  }

  #leave(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    lane.running--;
    const next = lane.waiting.values().next();
    if (next.done !== true) {
      lane.waiting.delete(next.value);
      this.#waiting.add(next.value);
    } else if (lane.running === 0) this.#lanes.delete(name);
  }
}
