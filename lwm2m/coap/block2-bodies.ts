import { hash } from 'node:crypto';
import type { Block } from './block-option.ts';
import { type IdleTransfers, keyWithoutBody } from './idle-transfers.ts';
import type { ResponseToSend } from './responses.ts';

/** A long response kept so that its later blocks come from the same state. */
export interface KeptBody {
  readonly response: ResponseToSend;
  readonly payload: Buffer;
  readonly etag: Buffer;
}

/** One block of a body and where it lies. */
export interface Cut {
  readonly offset: number;
  readonly length: number;
  readonly block: Block;
}

const ETAG_BYTES = 8;
const MOST_NAMES = 2_000;

/** Serves long responses block by block, RFC 7959 §2.4. What finds no room is not kept: a GET is then answered anew. */
export class Block2Bodies {
  readonly #transfers: IdleTransfers<KeptBody>;
  /** The last body that a FETCH asked for, by peer and URI. */
  readonly #lastFetched = new Map<string, string>();

  constructor(transfers: IdleTransfers<KeptBody>) {
    this.#transfers = transfers;
  }

  /** @param withoutBody a FETCH that leaves its body out when it asks for later blocks, as RFC 7959 §3.3 has it for POST */
  find(key: string, withoutBody = false): KeptBody | undefined {
    const named = withoutBody ? this.#lastFetched.get(keyWithoutBody(key)) : key;
    return named === undefined ? undefined : this.#transfers.get(named);
  }

  /** At the limit all names are forgotten: such a FETCH is then answered anew. */
  nameFetched(key: string): void {
    if (this.#lastFetched.size >= MOST_NAMES) this.#lastFetched.clear();
    this.#lastFetched.set(keyWithoutBody(key), key);
  }

  /** The ETag is the given one or a digest of the body, so that an answer made anew from the same state fits. */
  keep(key: string, peerKey: string, response: ResponseToSend, payload: Buffer): KeptBody {
    const etag = response.etag ?? hash('sha256', payload, 'buffer').subarray(0, ETAG_BYTES);
    const body: KeptBody = { response, payload, etag: Buffer.from(etag) };
    if (!this.#transfers.add(key, peerKey, body, payload.length)) {
      this.#transfers.removeOldestOf(peerKey);
      this.#transfers.add(key, peerKey, body, payload.length);
    }
    return body;
  }
}

/** Undefined when the block lies beyond the body: 4.00, RFC 7959 §2.4. */
export function cutBlock(size: number, wanted: Block | undefined, largestBytes: number): Cut | undefined {
  const sizeBytes = Math.min(wanted?.sizeBytes ?? largestBytes, largestBytes);
  const offset = (wanted?.number ?? 0) * (wanted?.sizeBytes ?? sizeBytes);
  if (offset >= size && offset > 0) return undefined;
  const length = Math.min(sizeBytes, size - offset);
  const more = offset + length < size;
  return { offset, length, block: { number: offset / sizeBytes, more, sizeBytes } };
}
