import { corruptBatch } from './corrupt.ts';
import type { BatchCursor } from './cursor.ts';
import { RecordCursor } from './records.ts';

/** One entry of a fetch answer: a transaction of this producer that begins here was aborted. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

const ABORT_MARKER = 0;
const MARKER_KEY_BYTES = 4;

/** Tells the batches of aborted transactions in one fetch answer (KIP-98): all its batches must be asked for in their order. */
export class AbortedTransactions {
  #waiting: readonly AbortedTransaction[] = [];
  #next = 0;
  readonly #aborting = new Set<bigint>();
  readonly #records = new RecordCursor();

  /** Starts over with the list of the next answer, in any order. */
  reset(list: readonly AbortedTransaction[]): void {
    this.#waiting = list.length < 2 ? list : list.toSorted((a, b) => a.firstOffset - b.firstOffset);
    this.#next = 0;
    this.#aborting.clear();
  }

  /** Of a control batch, which is never to be copied, it takes note and says false. */
  isAborted(cursor: BatchCursor): boolean {
    if (this.#next === this.#waiting.length && this.#aborting.size === 0) return false;
    while (this.#next < this.#waiting.length && this.#waiting[this.#next]!.firstOffset <= cursor.lastOffset) {
      this.#aborting.add(this.#waiting[this.#next++]!.producerId);
    }
    if (!cursor.isTransactional || !this.#aborting.has(cursor.producerId)) return false;
    if (!cursor.isControl) return true;
    if (this.#isAbortMarker(cursor)) this.#aborting.delete(cursor.producerId);
    return false;
  }

  /** The key of a marker is its version and its type, 16 bits each. */
  #isAbortMarker({ bytes, recordsStart, end, recordCount }: BatchCursor): boolean {
    const records = this.#records;
    records.reset(bytes, recordsStart, end, recordCount);
    if (!records.next()) return false;
    if (records.keyLength < MARKER_KEY_BYTES) throw corruptBatch('a control record has no type');
    return bytes.readInt16BE(records.keyStart + 2) === ABORT_MARKER;
  }
}
