import { deepEqual, equal } from 'node:assert/strict';
import { checksumChange } from '../../../../../common/kafka/batch/checksum.ts';
import { ATTRIBUTE } from '../../../../../common/kafka/batch/cursor.ts';
import { needsReencoding, readdress } from '../../../../../common/kafka/batch/readdress.ts';
import { ADDRESS, batchOf, cursorOf, GOLDEN, record } from './batches.ts';

const LAST_ADDRESS = {
  producerId: 2n ** 63n - 1n,
  producerEpoch: 32_767,
  baseSequence: 2 ** 31 - 1,
  transactional: true,
};

describe('common/kafka/batch/readdress', () => {
  for (const golden of GOLDEN) {
    it(`gives what the Java producer wrote to another producer: ${golden.name}`, () => {
      for (const to of [ADDRESS, LAST_ADDRESS]) {
        const bytes = Buffer.from(golden.base64, 'base64');
        const records = Buffer.from(bytes.subarray(61));
        bytes.writeBigInt64BE(77n);
        readdress(bytes, 0, to);
        const cursor = cursorOf(bytes);
        equal(cursor.verify(), true);
        deepEqual([cursor.baseOffset, cursor.lastOffset, cursor.leaderEpoch, cursor.recordCount], [0, 11, -1, 12]);
        deepEqual([cursor.producerId, cursor.producerEpoch], [to.producerId, to.producerEpoch]);
        equal(bytes.readInt32BE(53), to.baseSequence);
        equal(cursor.isTransactional, to.transactional);
        equal(cursor.baseTimestamp, 1_763_700_000_000n);
        deepEqual(bytes.subarray(61), records);
      }
    });
  }

  it('touches nothing before and behind', async () => {
    const batch = await batchOf({ records: [record(3)] });
    const bytes = Buffer.concat([batch, batch, batch]);
    readdress(bytes, batch.length, LAST_ADDRESS);
    deepEqual(bytes.subarray(0, batch.length), batch);
    deepEqual(bytes.subarray(batch.length * 2), batch);
  });

  it('leaves only the codec of the attributes', async () => {
    const { transactional, deleteHorizon, logAppendTime } = ATTRIBUTE;
    const batch = await batchOf({
      attributes: transactional | deleteHorizon | logAppendTime,
      codec: 'lz4',
      records: [record(3)],
    });
    readdress(batch, 0, ADDRESS);
    equal(cursorOf(batch).attributes, 3);
    equal(cursorOf(batch).verify(), true);
  });

  it('does not hide a byte that was spoilt on the way', async () => {
    const batch = await batchOf({ records: [record(3)] });
    batch[batch.length - 3]! ^= 0x10;
    readdress(batch, 0, ADDRESS);
    equal(cursorOf(batch).verify(), false);
  });

  it('says which batches cannot stay as they are', async () => {
    const records = [record(3), record(4)];
    const needs = async (batch: Parameters<typeof batchOf>[0]) => needsReencoding(cursorOf(await batchOf(batch)));
    equal(await needs({ records }), false);
    equal(await needs({ records, attributes: ATTRIBUTE.transactional, codec: 'zstd' }), false);
    equal(await needs({ records, attributes: ATTRIBUTE.logAppendTime }), true);
    equal(await needs({ records, attributes: ATTRIBUTE.deleteHorizon }), true);
    equal(await needs({ records, lastOffset: 5 }), true);
    equal(await needs({ records: [record(3), record(5)] }), true);
  });

  it('adjusts the checksum the same, however many bytes follow', () => {
    // x^32 mod the polynomial is its lower part: a change of the bit that is the highest in reflected order, four bytes before the end.
    equal(checksumChange(Uint8Array.of(0, 0, 0, 0x80), 0) >>> 0, 0x82f63b78);
    equal(checksumChange(Uint8Array.of(0x80), 3) >>> 0, checksumChange(Uint8Array.of(0x80, 0, 0, 0), 0) >>> 0);
    for (const tail of [1, 2, 255, 256, 65_535, 1_000_003]) {
      const zeros = new Uint8Array(tail + 2);
      zeros.set([0x5a, 0xc3]);
      equal(checksumChange(Uint8Array.of(0x5a, 0xc3), tail), checksumChange(zeros, 0));
    }
  });
});
