/** Lets bulk wait a moment while a command or a reply is on its way, so that it finds brokers and link less busy. One for all lanes of a gateway. */
export class Precedence {
  readonly #holders = new Set<object>();
  readonly #waiting = new Set<() => void>();

  /** The holder has something urgent under way. */
  hold(holder: object): void {
    this.#holders.add(holder);
  }

  release(holder: object): void {
    this.#holders.delete(holder);
    if (this.#holders.size > 0) return;
    for (const go of this.#waiting) go();
  }

  /** Resolves when nothing urgent is under way, and at the latest after so many ms: bulk is slowed down, never stopped. */
  async clear(maxWaitMs: number): Promise<void> {
    if (this.#holders.size === 0) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, maxWaitMs);
      this.#waiting.add(go);
    });
  }
}
