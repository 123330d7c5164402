import { type Block, offsetOf } from './block-option.ts';
import { BodyBuffer } from './body-buffer.ts';
import type { IdleTransfers } from './idle-transfers.ts';

export interface Assembly {
  readonly body: BodyBuffer;
  readonly contentFormat: number | undefined;
  lastOffset: number;
}

export interface IncomingBlock {
  readonly key: string;
  readonly peerKey: string;
  readonly block: Block;
  readonly payload: Buffer;
  readonly contentFormat: number | undefined;
  /** Announced length of the whole body. */
  readonly size1: number | undefined;
}

/** The whole body, or what to answer to this block. `size1` goes with 4.13 and tells the most that is taken. */
export type AssemblyStep =
  | { readonly body: Buffer }
  | { readonly code: '2.31' | '4.00' | '4.08' | '4.13' | '5.03'; readonly size1?: number };

/** Puts incoming request bodies together, RFC 7959 §2.5: in order, one per peer, method and URI. */
export class Block1Assembly {
  readonly #transfers: IdleTransfers<Assembly>;
  readonly #bodyBytes: number;

  constructor(transfers: IdleTransfers<Assembly>, bodyBytes: number) {
    this.#transfers = transfers;
    this.#bodyBytes = bodyBytes;
  }

  accept(incoming: IncomingBlock): AssemblyStep {
    const { block, payload, key } = incoming;
    const offset = offsetOf(block);
    if (payload.length > block.sizeBytes || (block.more && payload.length !== block.sizeBytes)) return { code: '4.00' };
    if (offset + payload.length > this.#bodyBytes || (incoming.size1 ?? 0) > this.#bodyBytes) {
      this.#transfers.remove(key);
      return { code: '4.13', size1: this.#bodyBytes };
    }
    if (offset === 0 && !block.more) {
      this.#transfers.remove(key);
      return { body: payload };
    }
    return offset === 0 ? this.#begin(incoming) : this.#append(incoming, offset);
  }

  /** Block 0 starts over, whatever was there, RFC 7959 §2.5. */
  #begin({ key, peerKey, payload, contentFormat }: IncomingBlock): AssemblyStep {
    const assembly = { body: new BodyBuffer(), contentFormat, lastOffset: 0 };
    assembly.body.append(payload);
    return { code: this.#transfers.add(key, peerKey, assembly, payload.length) ? '2.31' : '5.03' };
  }

  #append({ key, block, payload, contentFormat }: IncomingBlock, offset: number): AssemblyStep {
    const assembly = this.#transfers.get(key);
    if (assembly === undefined) return { code: '4.08' };
    if (offset === assembly.lastOffset && block.more) return { code: '2.31' }; // repeated, e.g. its answer was lost
    if (offset !== assembly.body.length || contentFormat !== assembly.contentFormat) {
      this.#transfers.remove(key);
      return { code: '4.08' };
    }
    if (!this.#transfers.grow(key, payload.length)) {
      this.#transfers.remove(key);
      return { code: '5.03' };
    }
    assembly.body.append(payload);
    assembly.lastOffset = offset;
    if (block.more) return { code: '2.31' };
    this.#transfers.remove(key);
    return { body: assembly.body.whole() };
  }
}
