/** Commands remembered as answered besides those that may wait; beyond that the oldest is forgotten and a repetition of it would run again. */
export const ANSWERED_LIMIT = 20_000;

/** Which commands were answered lately, by identity: a command that comes twice runs once. Refilled from the reply topic at start. */
export class AnsweredCommands {
  /** Replies that are remembered. */
  readonly limit: number;
  readonly #identities = new Set<string>();

  /** @param waiting commands that may be answered all at once, which must not push out those whose offset is not committed yet */
  constructor(waiting = 0) {
    this.limit = ANSWERED_LIMIT + waiting;
  }

  has(identity: string): boolean {
    return this.#identities.has(identity);
  }

  add(identity: string): void {
    this.#identities.delete(identity);
    this.#identities.add(identity);
    if (this.#identities.size > this.limit) this.#identities.delete(this.#identities.values().next().value!);
  }
}
