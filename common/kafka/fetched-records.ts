import { AbortedTransactions } from './batch/aborted.ts';
import { COMPRESSIONS, decompress } from './batch/compression.ts';
import { corruptBatch } from './batch/corrupt.ts';
import { BatchCursor } from './batch/cursor.ts';
import { RecordCursor } from './batch/records.ts';
import type { ConsumedRecord } from './consumer.ts';
import type { AbortedTransaction } from './fetch-answer.ts';
import { headersByName, type WireHeader } from './kafkajs.ts';

const NO_BYTES = Buffer.alloc(0);
const NO_HEADERS: readonly WireHeader[] = [];

/**
 * The records of fetched batches in place: no object, no copy and no string for a record. Control batches and those of aborted
 * transactions are passed over, as are records before the offset that was asked for.
 *
 *   while (await records.nextBatch()) while (records.next()) use(records.bytes, records.valueStart, records.valueEnd);
 */
export class FetchedRecords {
  /** What the positions below point into; of the present batch only. */
  bytes: Buffer = NO_BYTES;
  offset = 0;
  /** Milliseconds since 1970; what the broker stamped where the topic says so. */
  timestamp = 0;
  /** −1 where the record has no key, or no value. */
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  headerCount = 0;
  /** Behind the last batch that was begun: where the next fetch goes on. */
  nextOffset = 0;

  readonly #batch = new BatchCursor();
  readonly #aborted = new AbortedTransactions();
  readonly #records = new RecordCursor();
  #baseTimestamp = 0;
  #appendTime = -1;
  #from = 0;

  /** Where the batches of an answer end, without reading them: what to fetch next. `from` when none is whole. */
  static endOf(bytes: Buffer, from: number): number {
    const cursor = new BatchCursor();
    cursor.reset(bytes);
    let next = from;
    while (cursor.next()) next = Math.max(next, cursor.lastOffset + 1);
    return next;
  }

  /** @param from records before it are passed over */
  reset(bytes: Buffer, aborted: readonly AbortedTransaction[], from: number): void {
    this.#batch.reset(bytes);
    this.#aborted.reset(
      aborted.map(({ producerId, firstOffset }) => ({ producerId: BigInt(producerId), firstOffset })),
    );
    this.#records.reset(NO_BYTES, 0, 0, 0);
    this.#from = from;
    this.nextOffset = from;
  }

  /** False at the end. Errors: RECORD_BATCH_CORRUPT. */
  async nextBatch(): Promise<boolean> {
    const batch = this.#batch;
    while (batch.next()) {
      const isAborted = this.#aborted.isAborted(batch);
      if (batch.lastOffset < this.#from) continue;
      this.nextOffset = batch.lastOffset + 1;
      if (isAborted || batch.isControl) continue;
      if (!batch.verify()) throw corruptBatch(`the batch at offset ${batch.baseOffset}: its checksum differs`);
      await this.#open(batch);
      return true;
    }
    return false;
  }

  async #open(batch: BatchCursor): Promise<void> {
    const { bytes, recordsStart, end, recordCount } = batch;
    this.#baseTimestamp = batch.baseTimestampMs;
    this.#appendTime = batch.isLogAppendTime ? batch.maxTimestampMs : -1;
    const codec = COMPRESSIONS[batch.compression]!;
    if (codec === 'none') {
      this.bytes = bytes;
      this.#records.reset(bytes, recordsStart, end, recordCount);
      return;
    }
    this.bytes = await decompress(codec, bytes.subarray(recordsStart, end));
    this.#records.reset(this.bytes, 0, this.bytes.length, recordCount);
  }

  /** The next record of the batch, false when there is none left. Errors: RECORD_BATCH_CORRUPT. */
  next(): boolean {
    const records = this.#records;
    while (records.next()) {
      this.offset = this.#batch.baseOffset + records.offsetDelta;
      if (this.offset < this.#from) continue;
      this.timestamp = this.#appendTime >= 0 ? this.#appendTime : this.#baseTimestamp + records.timestampDelta;
      this.keyStart = records.keyLength < 0 ? -1 : records.keyStart;
      this.keyEnd = records.keyLength < 0 ? -1 : records.keyStart + records.keyLength;
      this.valueStart = records.valueLength < 0 ? -1 : records.valueStart;
      this.valueEnd = records.valueLength < 0 ? -1 : records.valueStart + records.valueLength;
      this.headerCount = records.headerCount;
      return true;
    }
    return false;
  }

  /** The present record by itself, for what is not done in place: its key and value still lie in the batch. */
  record(): ConsumedRecord {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset, timestamp } = this;
    const headerList = this.headerCount === 0 ? NO_HEADERS : this.#records.headers();
    return {
      key: keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd),
      value: valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd),
      timestamp: String(timestamp),
      offset: String(offset),
      attributes: 0,
      headers: headersByName(headerList) as ConsumedRecord['headers'] & object,
      headerList,
    };
  }
}
