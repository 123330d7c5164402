/** Lets in until so many bytes are in use; then whoever wants in waits. One that is larger than all goes in alone. */
export class ByteBudget {
  #limit: number;
  #used = 0;
  #isOver = false;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  /** What is in use stays so; who waits is let in when there is room again. */
  resize(limit: number): void {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    const waiting = this.#waiting;
    if (waiting.length === 0 || this.#used >= this.#limit) return;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  get hasRoom(): boolean {
    return this.#used < this.#limit;
  }

  /** Resolves when there is room, or with `end`. */
  async room(): Promise<void> {
    if (this.hasRoom || this.#isOver) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** From now on nobody waits: there will be no room for a lane that ended. */
  end(): void {
    this.#isOver = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
