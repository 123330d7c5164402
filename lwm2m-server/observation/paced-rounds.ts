/** Runs one round for each registration that asks for it, so many at a time, in the order in which they asked. */
export class PacedRounds {
  readonly #atOnce: number;
  readonly #run: (registrationId: string) => Promise<void>;
  /** Bounded by the registrations: one that waits already is not taken twice. */
  readonly #waiting = new Set<string>();
  #running = 0;

  /** @param run never rejects */
  constructor(atOnce: number, run: (registrationId: string) => Promise<void>) {
    this.#atOnce = atOnce;
    this.#run = run;
  }

  get waiting(): number {
    return this.#waiting.size;
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
      this.#running++;
      void this.#run(next.value).finally(() => {
        this.#running--;
        this.#startNext();
      });
    }
  }
}
