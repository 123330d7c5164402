/** What became of a remembered notification, and so what its duplicate gets: nothing yet, the ACK, or the Reset. */
export const UNSETTLED = 1;
export const ACKNOWLEDGED = 2;
export const REJECTED = 3;
export type NotificationState = typeof UNSETTLED | typeof ACKNOWLEDGED | typeof REJECTED;

const FREE = 0;
const STATES = 4;
const MESSAGE_IDS = 2 ** 16;
const FIRST_SLOTS = 4;

/** Message id and fingerprint as one number: with the state below it 50 bits, which a number holds exactly. */
function identity(messageId: number, fingerprint: number): number {
  return ((fingerprint >>> 0) * MESSAGE_IDS + messageId) * STATES;
}

/** The remainder by hand: that operator is slow beyond 32 bits. */
function stateOf(slot: number): number {
  return slot - Math.floor(slot / STATES) * STATES;
}

/**
 * The last notifications of one peer, by message id and fingerprint, in a ring of one number each: no garbage and no
 * timers. The fingerprint keeps a device that restarted, and so counts its message ids from the same number, from
 * being taken for a repetition of itself; it also makes an age limit needless.
 */
export class NotificationMemory {
  readonly #most: number;
  #slots: number[] = new Array<number>(FIRST_SLOTS).fill(FREE);
  #next = 0;
  /** How many are unsettled: such a peer is not idle. */
  unsettled = 0;

  constructor(most: number) {
    this.#most = most;
  }

  find(messageId: number, fingerprint: number): NotificationState | undefined {
    const at = this.#indexOf(messageId, fingerprint);
    return at < 0 ? undefined : (stateOf(this.#slots[at]!) as NotificationState);
  }

  /** False when every slot holds an unsettled one: the newcomer must be dropped. */
  add(messageId: number, fingerprint: number, state: NotificationState): boolean {
    const at = this.#slotForNew();
    if (at < 0) return false;
    this.#slots[at] = identity(messageId, fingerprint) + state;
    this.#next = at + 1 === this.#slots.length ? 0 : at + 1;
    if (state === UNSETTLED) this.unsettled++;
    return true;
  }

  /** Undefined forgets it, so that a retransmission is new. */
  settle(messageId: number, fingerprint: number, state: NotificationState | undefined): void {
    const at = this.#indexOf(messageId, fingerprint);
    if (at < 0) return;
    if (stateOf(this.#slots[at]!) === UNSETTLED) this.unsettled--;
    this.#slots[at] = state === undefined ? FREE : identity(messageId, fingerprint) + state;
  }

  /** From the newest on: what is settled, or comes again, came lately. */
  #indexOf(messageId: number, fingerprint: number): number {
    const slots = this.#slots;
    const wanted = identity(messageId, fingerprint);
    const last = wanted + REJECTED;
    for (let at = this.#next - 1; at >= 0; at--) {
      const slot = slots[at]!;
      if (slot > wanted && slot <= last) return at;
    }
    for (let at = slots.length - 1; at >= this.#next; at--) {
      const slot = slots[at]!;
      if (slot > wanted && slot <= last) return at;
    }
    return -1;
  }

  /** The oldest slot that is free or settled, after growing as far as allowed. */
  #slotForNew(): number {
    if (stateOf(this.#slots[this.#next]!) !== FREE && this.#slots.length < this.#most) this.#grow();
    const { length } = this.#slots;
    for (let step = 0; step < length; step++) {
      const at = (this.#next + step) % length;
      if (stateOf(this.#slots[at]!) !== UNSETTLED) return at;
    }
    return -1;
  }

  /** Keeps the order of age: the oldest first, then the free space. */
  #grow(): void {
    const old = this.#slots;
    const slots = new Array<number>(Math.min(old.length * 2, this.#most)).fill(FREE);
    for (let at = 0; at < old.length; at++) slots[at] = old[(this.#next + at) % old.length]!;
    this.#slots = slots;
    this.#next = old.length;
  }
}
