/** Commands remembered as answered; beyond that the oldest is forgotten and a repetition of it would run again. */
export const ANSWERED_LIMIT = 20_000;

/** Which commands were answered lately, by identity: a command that comes twice runs once. Refilled from the reply topic at start. */
export class AnsweredCommands {
  readonly #identities = new Set<string>();

  has(identity: string): boolean {
    return this.#identities.has(identity);
  }

  add(identity: string): void {
    this.#identities.delete(identity);
    this.#identities.add(identity);
    if (this.#identities.size > ANSWERED_LIMIT) this.#identities.delete(this.#identities.values().next().value!);
  }
}
