/** What became of a remembered notification, and so what its duplicate gets: nothing yet, the ACK, or the Reset. */
export const UNSETTLED = 1;
export const ACKNOWLEDGED = 2;
export const REJECTED = 3;
export type NotificationState = typeof UNSETTLED | typeof ACKNOWLEDGED | typeof REJECTED;

const FREE = 0;
const FIRST_SLOTS = 8;

/**
 * The last notifications of one peer, by message id and fingerprint, in a ring of two numbers each: no garbage and no
 * timers. The fingerprint keeps a device that restarted, and so counts its message ids from the same number, from
 * being taken for a repetition of itself; it also makes an age limit needless.
 */
export class NotificationMemory {
  readonly #most: number;
  #slots = new Int32Array(FIRST_SLOTS * 2);
  #next = 0;
  /** How many are unsettled: such a peer is not idle. */
  unsettled = 0;

  constructor(most: number) {
    this.#most = most;
  }

  find(messageId: number, fingerprint: number): NotificationState | undefined {
    const at = this.#indexOf(messageId, fingerprint);
    return at < 0 ? undefined : ((this.#slots[at]! & 3) as NotificationState);
  }

  /** False when every slot holds an unsettled one: the newcomer must be dropped. */
  add(messageId: number, fingerprint: number, state: NotificationState): boolean {
    const at = this.#slotForNew();
    if (at < 0) return false;
    this.#slots[at] = (messageId << 2) | state;
    this.#slots[at + 1] = fingerprint;
    this.#next = (at + 2) % this.#slots.length;
    if (state === UNSETTLED) this.unsettled++;
    return true;
  }

  /** Undefined forgets it, so that a retransmission is new. */
  settle(messageId: number, fingerprint: number, state: NotificationState | undefined): void {
    const at = this.#indexOf(messageId, fingerprint);
    if (at < 0) return;
    if ((this.#slots[at]! & 3) === UNSETTLED) this.unsettled--;
    this.#slots[at] = state === undefined ? FREE : (messageId << 2) | state;
  }

  #indexOf(messageId: number, fingerprint: number): number {
    const slots = this.#slots;
    for (let at = 0; at < slots.length; at += 2) {
      const slot = slots[at]!;
      if (slot >>> 2 === messageId && slots[at + 1] === fingerprint && (slot & 3) !== FREE) return at;
    }
    return -1;
  }

  /** The oldest slot that is free or settled, after growing as far as allowed. */
  #slotForNew(): number {
    if ((this.#slots[this.#next]! & 3) !== FREE && this.#slots.length < this.#most * 2) this.#grow();
    const { length } = this.#slots;
    for (let step = 0; step < length; step += 2) {
      const at = (this.#next + step) % length;
      if ((this.#slots[at]! & 3) !== UNSETTLED) return at;
    }
    return -1;
  }

  /** Keeps the order of age: the oldest first, then the free space. */
  #grow(): void {
    const old = this.#slots;
    const slots = new Int32Array(Math.min(old.length * 2, this.#most * 2));
    slots.set(old.subarray(this.#next));
    slots.set(old.subarray(0, this.#next), old.length - this.#next);
    this.#slots = slots;
    this.#next = old.length;
  }
}
