import { hash } from 'node:crypto';
import type { Block } from './block-option.ts';
import type { IdleTransfers } from './idle-transfers.ts';
import type { ResponseToSend } from './responses.ts';

/** A long response kept so that its later blocks come from the same state. */
export interface KeptBody {
  readonly response: ResponseToSend;
  readonly payload: Buffer;
  readonly etag: Buffer;
}

/** One block cut out of a body. */
export interface Cut {
  readonly chunk: Buffer;
  readonly block: Block;
}

const ETAG_BYTES = 8;

/** Serves long responses block by block, RFC 7959 §2.4. What finds no room is not kept: a GET is then answered anew. */
export class Block2Bodies {
  readonly #transfers: IdleTransfers<KeptBody>;

  constructor(transfers: IdleTransfers<KeptBody>) {
    this.#transfers = transfers;
  }

  find(key: string): KeptBody | undefined {
    return this.#transfers.get(key);
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
export function cutBlock(payload: Buffer, wanted: Block | undefined, largestBytes: number): Cut | undefined {
  const sizeBytes = Math.min(wanted?.sizeBytes ?? largestBytes, largestBytes);
  const offset = (wanted?.number ?? 0) * (wanted?.sizeBytes ?? sizeBytes);
  if (offset >= payload.length && offset > 0) return undefined;
  const end = Math.min(offset + sizeBytes, payload.length);
  return {
    chunk: payload.subarray(offset, end),
    block: { number: offset / sizeBytes, more: end < payload.length, sizeBytes },
  };
}
