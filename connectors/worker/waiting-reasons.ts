/** What a task may wait for; the first that has a reason is told. */
const PARTS = ['store', 'group', 'topics'] as const;
export type WaitingPart = (typeof PARTS)[number];

/** A task waits for several things that know nothing of each other. */
export class WaitingReasons {
  readonly #reasons = new Map<WaitingPart, string>();
  readonly #tell: (reason: string | undefined) => void;

  constructor(tell: (reason: string | undefined) => void) {
    this.#tell = tell;
  }

  /** @param reason undefined: it goes on */
  set(part: WaitingPart, reason: string | undefined): void {
    if (reason === undefined) this.#reasons.delete(part);
    else this.#reasons.set(part, reason);
    const first = PARTS.find((one) => this.#reasons.has(one));
    this.#tell(first && this.#reasons.get(first));
  }
}
