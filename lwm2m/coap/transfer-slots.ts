import type { CoapLimits } from './limits.ts';

/** Counts block-wise bodies under way, per peer and in total, and their bytes: one budget for all directions. */
export class TransferSlots {
  readonly #limits: CoapLimits;
  readonly #perPeer = new Map<string, number>();
  #total = 0;
  #bytes = 0;

  constructor(limits: CoapLimits) {
    this.#limits = limits;
  }

  /** False at a limit: nothing was taken. */
  acquire(peerKey: string): boolean {
    const held = this.#perPeer.get(peerKey) ?? 0;
    if (held >= this.#limits.transfersPerPeer || this.#total >= this.#limits.transfersTotal) return false;
    this.#perPeer.set(peerKey, held + 1);
    this.#total++;
    return true;
  }

  release(peerKey: string): void {
    const held = this.#perPeer.get(peerKey) ?? 0;
    if (held <= 1) this.#perPeer.delete(peerKey);
    else this.#perPeer.set(peerKey, held - 1);
    this.#total--;
  }

  /** False when the bytes do not fit: nothing was taken. */
  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#limits.transferBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#bytes -= bytes;
  }

  get total(): number {
    return this.#total;
  }

  get bytes(): number {
    return this.#bytes;
  }
}
