import type { TimerWheel, WheelTimer } from './timer-wheel.ts';
import type { TransferSlots } from './transfer-slots.ts';

interface Entry<Transfer> {
  readonly peerKey: string;
  readonly transfer: Transfer;
  bytes: number;
  timer: WheelTimer;
}

/** Block-wise transfers kept between messages, each under the shared budget and dropped after a time without use. */
export class IdleTransfers<Transfer> {
  readonly #entries = new Map<string, Entry<Transfer>>();
  readonly #slots: TransferSlots;
  readonly #wheel: TimerWheel;
  readonly #idleMs: number;

  constructor(slots: TransferSlots, wheel: TimerWheel, idleMs: number) {
    this.#slots = slots;
    this.#wheel = wheel;
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Also a sign of life. */
  get(key: string): Transfer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#wheel.cancel(entry.timer);
    entry.timer = this.#idleTimer(key);
    return entry.transfer;
  }

  /** Replaces one of the same key. False at a limit. */
  add(key: string, peerKey: string, transfer: Transfer, bytes: number): boolean {
    this.remove(key);
    if (!this.#slots.acquire(peerKey)) return false;
    if (!this.#slots.reserve(bytes)) {
      this.#slots.release(peerKey);
      return false;
    }
    this.#entries.set(key, { peerKey, transfer, bytes, timer: this.#idleTimer(key) });
    return true;
  }

  /** False when the bytes do not fit. */
  grow(key: string, bytes: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined || !this.#slots.reserve(bytes)) return false;
    entry.bytes += bytes;
    return true;
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#wheel.cancel(entry.timer);
    this.#slots.release(entry.peerKey);
    this.#slots.free(entry.bytes);
  }

  /** The one longest in the table goes. */
  removeOldestOf(peerKey: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.peerKey !== peerKey) continue;
      this.remove(key);
      return;
    }
  }

  removePeer(peerKey: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.peerKey === peerKey) this.remove(key);
    }
  }

  #idleTimer(key: string): WheelTimer {
    return this.#wheel.schedule(this.#wheel.nowMs, this.#idleMs, () => this.remove(key));
  }
}

/**
 * Transfers are told apart by peer, method and URI, never by token: each block may carry another (RFC 7959 §2.4, §2.5); those of
 * FETCH also by what it asks for in its body.
 */
export function transferKey(
  peerKey: string,
  method: string,
  path: readonly string[],
  query: readonly string[],
  bodyFingerprint: number,
): string {
  return `${JSON.stringify([peerKey, method, path, query])}${bodyFingerprint}`;
}

export function keyWithoutBody(key: string): string {
  return key.slice(0, key.lastIndexOf(']') + 1);
}
