import { deepEqual } from 'node:assert/strict';
import { AbortedTransactions } from '../../../../../common/kafka/batch/aborted.ts';
import { ATTRIBUTE, BatchCursor } from '../../../../../common/kafka/batch/cursor.ts';
import { batchOf, GOLDEN, record } from './batches.ts';

const ABORT = Buffer.of(0, 0, 0, 0);
const COMMIT = Buffer.of(0, 0, 0, 1);

function data(offset: number, producerId: bigint, attributes: number = ATTRIBUTE.transactional): Promise<Buffer> {
  return batchOf({ records: [record(offset), record(offset + 1)], producerId, attributes });
}

function marker(offset: number, producerId: bigint, key: Buffer): Promise<Buffer> {
  const records = [record(offset, { key, value: Buffer.alloc(6) })];
  return batchOf({ records, producerId, attributes: ATTRIBUTE.transactional | ATTRIBUTE.control });
}

/** First offsets of the batches that are to be copied. */
function kept(aborted: AbortedTransactions, bytes: Buffer): number[] {
  const cursor = new BatchCursor();
  cursor.reset(bytes);
  const offsets: number[] = [];
  while (cursor.next()) if (!aborted.isAborted(cursor) && !cursor.isControl) offsets.push(cursor.baseOffset);
  return offsets;
}

async function interleaved(): Promise<Buffer> {
  return Buffer.concat(
    await Promise.all([
      data(0, 1n), // aborted
      data(2, 2n), // committed
      data(4, 3n, 0), // no transaction
      data(6, 1n), // aborted
      marker(8, 1n, ABORT),
      data(9, 1n), // committed
      data(11, 2n), // committed
      marker(13, 2n, COMMIT),
      data(14, 2n), // aborted
      marker(16, 1n, COMMIT),
      marker(17, 2n, ABORT),
      data(18, 2n), // committed
      marker(20, 2n, COMMIT),
    ]),
  );
}

describe('common/kafka/batch/aborted', () => {
  it('tells the batches of aborted transactions from those of others and of later ones of the same producer', async () => {
    const aborted = new AbortedTransactions();
    aborted.reset([
      { producerId: 2n, firstOffset: 14 },
      { producerId: 1n, firstOffset: 0 },
    ]);
    deepEqual(kept(aborted, await interleaved()), [2, 4, 9, 11, 18]);
  });

  it('takes over what began before the bytes that were fetched', async () => {
    const aborted = new AbortedTransactions();
    aborted.reset([{ producerId: 5n, firstOffset: 3 }]);
    const bytes = [data(10, 5n), data(12, 6n), marker(14, 5n, ABORT), data(15, 5n)];
    deepEqual(kept(aborted, Buffer.concat(await Promise.all(bytes))), [12, 15]);
  });

  it('keeps everything where nothing was aborted, and forgets the answer before', async () => {
    const aborted = new AbortedTransactions();
    aborted.reset([{ producerId: 1n, firstOffset: 0 }]);
    kept(aborted, await data(0, 1n));
    aborted.reset([]);
    deepEqual(kept(aborted, await interleaved()), [0, 2, 4, 6, 9, 11, 14, 18]);
  });

  it('reads the marker that a broker wrote: the end of a commit ends no aborted one', async () => {
    const bytes = Buffer.from(GOLDEN.find(({ transactional }) => transactional)!.base64, 'base64');
    const cursor = new BatchCursor();
    cursor.reset(bytes);
    cursor.next();
    const { producerId } = cursor;
    const aborted = new AbortedTransactions();
    aborted.reset([{ producerId, firstOffset: 0 }]);
    deepEqual(kept(aborted, Buffer.concat([bytes, await data(13, producerId)])), []);
  });
});
