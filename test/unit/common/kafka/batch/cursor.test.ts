import { deepEqual, equal, throws } from 'node:assert/strict';
import { COMPRESSIONS } from '../../../../../common/kafka/batch/compression.ts';
import { BatchCursor } from '../../../../../common/kafka/batch/cursor.ts';
import { batchOf, cursorOf, GOLDEN, record } from './batches.ts';

const CORRUPT = { code: 'RECORD_BATCH_CORRUPT' };

describe('common/kafka/batch/cursor', () => {
  for (const { name, codec, base64, logAppendTime, transactional } of GOLDEN) {
    it(`reads the header of what the Java producer wrote: ${name}`, () => {
      const cursor = cursorOf(Buffer.from(base64, 'base64'));
      equal(COMPRESSIONS[cursor.compression], codec);
      deepEqual([cursor.baseOffset, cursor.lastOffset, cursor.recordCount], [0, 11, 12]);
      equal(cursor.baseTimestamp, 1_763_700_000_000n);
      equal(cursor.baseTimestampMs, 1_763_700_000_000);
      equal(BigInt(cursor.maxTimestampMs), cursor.maxTimestamp);
      equal(cursor.isLogAppendTime, logAppendTime);
      equal(cursor.isTransactional, transactional);
      deepEqual([cursor.isControl, cursor.hasWholeOffsets, cursor.hasDeleteHorizon], [false, true, false]);
      deepEqual([cursor.magic, cursor.leaderEpoch, cursor.producerEpoch], [2, 0, 0]);
      equal(cursor.verify(), true);
    });
  }

  it('comes to the marker behind the records of a transaction, and then to the end', () => {
    const cursor = cursorOf(Buffer.from(GOLDEN.find(({ transactional }) => transactional)!.base64, 'base64'));
    const { producerId } = cursor;
    equal(cursor.next(), true);
    deepEqual([cursor.isControl, cursor.isTransactional, cursor.baseOffset, cursor.lastOffset], [true, true, 12, 12]);
    equal(cursor.producerId, producerId);
    equal(cursor.next(), false);
    equal(cursor.isTruncated, false);
  });

  it('walks what stands one after another, and starts over with other bytes', async () => {
    const batches = [await batchOf({ records: [record(3)] }), await batchOf({ records: [record(7), record(9)] })];
    const cursor = cursorOf(Buffer.concat(batches));
    deepEqual([cursor.start, cursor.end, cursor.baseOffset], [0, batches[0]!.length, 3]);
    equal(cursor.next(), true);
    deepEqual([cursor.start, cursor.baseOffset, cursor.lastOffset], [batches[0]!.length, 7, 9]);
    equal(cursor.recordsStart, cursor.start + 61);
    equal(cursor.hasWholeOffsets, false);
    equal(cursor.next(), false);
    cursor.reset(batches[1]!);
    equal(cursor.next(), true);
    equal(cursor.start, 0);
  });

  it('ends before a batch that is cut short, wherever that is', async () => {
    const batch = await batchOf({ records: [record(3)] });
    const cursor = new BatchCursor();
    for (let length = 0; length < batch.length; length++) {
      cursor.reset(Buffer.concat([batch, batch.subarray(0, length)]));
      equal(cursor.next(), true);
      equal(cursor.next(), false);
      equal(cursor.isTruncated, length > 0);
    }
  });

  it('tells a byte that was changed by the checksum', async () => {
    const batch = await batchOf({ records: [record(3)] });
    batch[batch.length - 1]! ^= 1;
    equal(cursorOf(batch).verify(), false);
  });

  it('reads the largest exact offset and times that no number tells', async () => {
    const batch = await batchOf({ records: [record(0)], baseTimestamp: -5n, maxTimestamp: 2n ** 63n - 1n });
    batch.writeBigInt64BE(BigInt(Number.MAX_SAFE_INTEGER));
    const cursor = cursorOf(batch);
    equal(cursor.lastOffset, Number.MAX_SAFE_INTEGER);
    equal(cursor.baseTimestampMs, -5);
    equal(cursor.maxTimestamp, 2n ** 63n - 1n);
    equal(Number.isSafeInteger(cursor.maxTimestampMs), false);
  });

  const faults: Readonly<Record<string, (batch: Buffer) => void>> = {
    'a length below that of a header': (batch) => batch.writeInt32BE(48, 8),
    'a negative length': (batch) => batch.writeInt32BE(-20, 8),
    'a format not known': (batch) => batch.writeInt8(3, 16),
    'a negative format': (batch) => batch.writeInt8(-1, 16),
    'a codec not known': (batch) => batch.writeInt16BE(5, 21),
    'a last offset before the first': (batch) => batch.writeInt32BE(-1, 23),
    'a negative number of records': (batch) => batch.writeInt32BE(-1, 57),
    'a negative offset': (batch) => batch.writeBigInt64BE(-1n),
    'an offset that is not exact as a number': (batch) => batch.writeBigInt64BE(2n ** 53n),
  };
  for (const [name, spoil] of Object.entries(faults)) {
    it(`refuses ${name}`, async () => {
      const batch = await batchOf({ records: [record(3)] });
      spoil(batch);
      throws(() => cursorOf(batch), CORRUPT);
    });
  }

  it('passes over a message of format 1', () => {
    const message = Buffer.alloc(40);
    message.writeBigInt64BE(8n);
    message.writeInt32BE(28, 8);
    message[16] = 1;
    const cursor = cursorOf(message);
    deepEqual([cursor.magic, cursor.baseOffset, cursor.lastOffset, cursor.recordCount], [1, 8, 8, 0]);
    equal(cursor.verify(), false);
    equal(cursor.next(), false);
  });
});
