import type { Compression } from './compression.ts';
import type { BatchCursor } from './cursor.ts';
import type { BatchAddress } from './readdress.ts';

export interface BuilderOptions {
  /** Bytes of uncompressed records in a batch; a single record that is larger makes a batch of its own. */
  readonly limitBytes: number;
  readonly compression: Compression;
}

/** Makes one batch out of the records of many of the same partition. Its memory is used again. */
export class BatchBuilder {
  /** Records in it. */
  count = 0;
  /** Bytes of its records, uncompressed. */
  bytes = 0;
  /** Offset at the source behind what was taken of the batch last added: beyond its `lastOffset` when all of it was. */
  nextOffset = 0;

  constructor(_options: BuilderOptions) {}

  /** Latest timestamp of a record in it; milliseconds since 1970. */
  get maxTimestamp(): bigint {
    throw new Error('not yet');
  }

  /**
   * Takes the records of the cursor's batch from `fromOffset` on until it is full, and returns how many it took; `nextOffset` tells
   * where to go on after `finish`. Not for control batches.
   * @param records the uncompressed section, where the batch is compressed: what `decompress` gave
   * RECORD_BATCH_CORRUPT where it cannot be read; nothing of this batch was taken then.
   */
  addBatch(_cursor: BatchCursor, _fromOffset: number, _records?: Buffer): number {
    throw new Error('not yet');
  }

  /** The batch, ready to be produced; the builder is empty again at once. */
  finish(_to: BatchAddress): Promise<Buffer> {
    throw new Error('not yet');
  }
}
