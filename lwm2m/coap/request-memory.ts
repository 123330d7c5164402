import type { CoapLimits } from './limits.ts';

/** A request that was taken: what a duplicate of it gets. */
export interface RememberedRequest {
  readonly messageId: number;
  readonly fingerprint: number;
  readonly takenAtMs: number;
  /** False while the handler has it. */
  answered: boolean;
  /** Bytes to send again for a duplicate: the piggybacked response or the empty ACK. None yet, or none at all for NON. */
  reply: Uint8Array | undefined;
}

export type RequestsOfPeer = Map<number, RememberedRequest>;

/** Duplicate detection for requests, RFC 7252 §4.5: limits and totals over all peers; the entries live with each peer. */
export class RequestMemory {
  readonly #limits: CoapLimits;
  #entries = 0;
  #replyBytes = 0;

  constructor(limits: CoapLimits) {
    this.#limits = limits;
  }

  get entries(): number {
    return this.#entries;
  }

  /**
   * The earlier request that this one repeats. DEVIATION: RFC 7252 §4.5 goes by peer and message id alone. A repetition is identical to its original, so other bytes under the
   * same message id are a new message: devices that restart count from the same number again.
   */
  find(
    requests: RequestsOfPeer | undefined,
    messageId: number,
    fingerprint: number,
    nowMs: number,
  ): RememberedRequest | undefined {
    const known = requests?.get(messageId);
    if (known === undefined || known.fingerprint !== fingerprint) return undefined;
    return nowMs - known.takenAtMs > this.#limits.exchangeLifetimeMs ? undefined : known;
  }

  /** Undefined when a limit is reached: see `rememberedRequestsPerPeer` and `rememberedRequestsTotal`. */
  take(requests: RequestsOfPeer, messageId: number, fingerprint: number, nowMs: number): RememberedRequest | undefined {
    const replaced = requests.get(messageId);
    if (replaced !== undefined) this.#drop(requests, replaced);
    if (requests.size >= this.#limits.rememberedRequestsPerPeer || this.#full()) {
      if (!this.#forgetOldestAnswered(requests)) return undefined;
    }
    const entry = { messageId, fingerprint, takenAtMs: nowMs, answered: false, reply: undefined };
    requests.set(messageId, entry);
    this.#entries++;
    return entry;
  }

  /** Does nothing for an entry that was forgotten meanwhile. */
  setReply(requests: RequestsOfPeer | undefined, entry: RememberedRequest, reply: Buffer): void {
    if (requests?.get(entry.messageId) !== entry) return;
    this.#replyBytes += reply.length - (entry.reply?.length ?? 0);
    entry.reply = new Uint8Array(reply); // a copy: the few bytes of a pooled buffer would keep its whole slab
  }

  forgetExpired(requests: RequestsOfPeer, nowMs: number): void {
    for (const entry of requests.values()) {
      if (nowMs - entry.takenAtMs <= this.#limits.exchangeLifetimeMs) return; // in order of age
      this.#drop(requests, entry);
    }
  }

  /** All of a peer that is to be dropped; false, and nothing is forgotten, while one is being handled. */
  forgetAnswered(requests: RequestsOfPeer): boolean {
    for (const entry of requests.values()) if (!entry.answered) return false;
    for (const entry of requests.values()) this.#drop(requests, entry);
    return true;
  }

  #full(): boolean {
    return (
      this.#entries >= this.#limits.rememberedRequestsTotal || this.#replyBytes >= this.#limits.rememberedReplyBytes
    );
  }

  #forgetOldestAnswered(requests: RequestsOfPeer): boolean {
    for (const entry of requests.values()) {
      if (!entry.answered) continue;
      this.#drop(requests, entry);
      return true;
    }
    return false;
  }

  #drop(requests: RequestsOfPeer, entry: RememberedRequest): void {
    if (requests.get(entry.messageId) !== entry) return;
    requests.delete(entry.messageId);
    this.#entries--;
    this.#replyBytes -= entry.reply?.length ?? 0;
    entry.reply = undefined;
  }
}
