import { hash } from 'node:crypto';

const SECRET_BYTES = 16;
/** So that even a reply to a request of four bytes stays below three times its size: 4 + 2 + 6. */
const PROOF_BYTES = 6;
/** A proof holds for one to two of them. */
const WINDOW_MS = 60_000;

/**
 * Proof that a peer receives what is sent to its address: it returns the value of an Echo option (RFC 9175). Nothing is
 * kept for a peer that was asked: the value is a digest of its key and the time.
 */
export class AddressProof {
  readonly #randomBytes: (count: number) => Buffer;
  readonly #now: () => number;
  #secret: string | undefined;

  constructor(randomBytes: (count: number) => Buffer, now: () => number) {
    this.#randomBytes = randomBytes;
    this.#now = now;
  }

  /** What the peer has to return. */
  challenge(peerKey: string): Buffer {
    return this.#valueOf(peerKey, this.#window());
  }

  holds(peerKey: string, echo: Uint8Array): boolean {
    const window = this.#window();
    return this.#valueOf(peerKey, window).equals(echo) || this.#valueOf(peerKey, window - 1).equals(echo);
  }

  #window(): number {
    return Math.floor(this.#now() / WINDOW_MS);
  }

  #valueOf(peerKey: string, window: number): Buffer {
    this.#secret ??= this.#randomBytes(SECRET_BYTES).toString('hex');
    return hash('sha256', `${this.#secret} ${window} ${peerKey}`, 'buffer').subarray(0, PROOF_BYTES);
  }
}
