import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { BatchBuilder } from '../../../../../common/kafka/batch/builder.ts';
import { COMPRESSIONS } from '../../../../../common/kafka/batch/compression.ts';
import { ATTRIBUTE } from '../../../../../common/kafka/batch/cursor.ts';
import {
  ADDRESS,
  batchOf,
  cursorOf,
  decodedByKafkajs,
  GOLDEN,
  goldenRecords,
  record,
  type SeenRecord,
  sectionOf,
} from './batches.ts';

const LIMIT_BYTES = 900_000;
const MAX_TIME = 2n ** 63n - 1n;

function builder(limitBytes = LIMIT_BYTES, compression: (typeof COMPRESSIONS)[number] = 'none'): BatchBuilder {
  return new BatchBuilder({ limitBytes, compression });
}

/** As they come out: offsets from 0 on. */
function renumbered(records: readonly SeenRecord[]): SeenRecord[] {
  return records.map((one, offset) => ({ ...one, offset }));
}

describe('common/kafka/batch/builder', () => {
  for (const compression of COMPRESSIONS) {
    it(`joins what the Java producer wrote in all codecs to one batch, ${compression}`, async () => {
      const joined = builder(LIMIT_BYTES, compression);
      for (const { base64 } of GOLDEN) {
        const cursor = cursorOf(Buffer.from(base64, 'base64'));
        equal(joined.addBatch(cursor, 0, await sectionOf(cursor)), 12);
        equal(joined.nextOffset, 12);
      }
      const records = GOLDEN.flatMap(goldenRecords);
      equal(joined.count, records.length);
      const latest = records.reduce((max, { timestamp }) => (timestamp > max ? timestamp : max), 0n);
      equal(joined.maxTimestamp, latest);
      const batch = await joined.finish({ ...ADDRESS, transactional: true });
      const cursor = cursorOf(batch);
      equal(cursor.verify(), true);
      equal(COMPRESSIONS[cursor.compression], compression);
      deepEqual([cursor.isTransactional, cursor.isLogAppendTime, cursor.hasWholeOffsets], [true, false, true]);
      deepEqual([cursor.producerId, cursor.producerEpoch, batch.readInt32BE(53)], [4711n, 3, 17]);
      equal(cursor.maxTimestamp, latest);
      equal(cursor.end, batch.length);
      deepEqual(await decodedByKafkajs(batch), renumbered(records));
    });
  }

  it('closes the gaps of a compacted topic and goes on behind the last offset, also one without a record', async () => {
    const records = [record(10), record(14, { value: null }), record(15)];
    const compacted = await batchOf({ baseOffset: 8, lastOffset: 20, records });
    const built = builder();
    equal(built.addBatch(cursorOf(compacted), 0), 3);
    equal(built.nextOffset, 21);
    deepEqual(await decodedByKafkajs(await built.finish(ADDRESS)), renumbered(records));
  });

  it('passes over an empty batch', async () => {
    const built = builder();
    equal(built.addBatch(cursorOf(await batchOf({ baseOffset: 8, lastOffset: 20, records: [] })), 0), 0);
    deepEqual([built.nextOffset, built.isEmpty, built.maxTimestamp], [21, true, -1n]);
  });

  it('takes from the position on, inside a batch', async () => {
    const records = [record(5), record(6), record(9)];
    const cursor = cursorOf(await batchOf({ records }));
    const built = builder();
    equal(built.addBatch(cursor, 6), 2);
    deepEqual(await decodedByKafkajs(await built.finish(ADDRESS)), renumbered(records.slice(1)));
    equal(built.addBatch(cursor, 10), 0);
    equal(built.nextOffset, 10);
  });

  it('stops before the limit and goes on with the rest in the next batch', async () => {
    const value = Buffer.alloc(100, 1);
    const records = Array.from({ length: 25 }, (_, offset) => record(offset, { value }));
    const cursor = cursorOf(await batchOf({ records }));
    const limited = builder(1000);
    const batches: Buffer[] = [];
    for (let next = 0; next <= cursor.lastOffset; next = limited.nextOffset) {
      const took = limited.addBatch(cursor, next);
      equal(limited.nextOffset, next + took);
      equal(limited.bytes <= 1000, true);
      batches.push(await limited.finish(ADDRESS));
    }
    equal(batches.length, 4);
    equal(
      batches.every((batch) => batch.length <= 1061),
      true,
    );
    const copied = (await Promise.all(batches.map(decodedByKafkajs))).flat();
    deepEqual(renumbered(copied), records);
  });

  it('fills to the limit, to the byte', async () => {
    const cursor = cursorOf(await batchOf({ records: [record(0), record(1)] }));
    const bytes = cursor.end - cursor.recordsStart;
    equal(builder(bytes).addBatch(cursor, 0), 2);
    equal(builder(bytes - 1).addBatch(cursor, 0), 1);
  });

  it('sends a record above the limit alone', async () => {
    const records = [record(0), record(1, { value: Buffer.alloc(5000, 7) }), record(2)];
    const cursor = cursorOf(await batchOf({ records }));
    const limited = builder(1000);
    const counts: number[] = [];
    const copied: SeenRecord[] = [];
    for (let next = 0; next <= cursor.lastOffset; next = limited.nextOffset) {
      counts.push(limited.addBatch(cursor, next));
      copied.push(...(await decodedByKafkajs(await limited.finish(ADDRESS))));
    }
    deepEqual(counts, [1, 1, 1]);
    deepEqual(renumbered(copied), records);
  });

  it('keeps timestamps to the millisecond: before 1970, none, beyond what numbers tell, and far from each other', async () => {
    const times = [-1n, 0n, -(2n ** 63n), MAX_TIME, 2n ** 53n + 1n, 1_763_700_000_000n, -(2n ** 52n), 2n ** 52n - 1n];
    for (const first of times) {
      const built = builder();
      const all = [first, ...times];
      for (const [offset, timestamp] of all.entries()) {
        built.addBatch(cursorOf(await batchOf({ records: [record(offset, { timestamp })] })), 0);
      }
      equal(built.maxTimestamp, MAX_TIME);
      const batch = await built.finish(ADDRESS);
      equal(cursorOf(batch).baseTimestamp, first);
      equal(cursorOf(batch).maxTimestamp, MAX_TIME);
      const seen = (await decodedByKafkajs(batch)).map(({ timestamp }) => timestamp);
      deepEqual(seen, all);
    }
  });

  it('adds far deltas as 64 bits do', async () => {
    const times = [-(2n ** 62n), 2n ** 62n, 2n ** 52n, 5n];
    const far = builder();
    for (const [offset, timestamp] of times.entries()) {
      far.addBatch(cursorOf(await batchOf({ records: [record(offset, { timestamp })] })), 0);
    }
    const again = builder();
    equal(again.addBatch(cursorOf(await far.finish(ADDRESS)), 0), 4);
    const seen = await decodedByKafkajs(await again.finish(ADDRESS));
    deepEqual(
      seen.map(({ timestamp }) => timestamp),
      times,
    );
  });

  it("gives the records of a batch with the broker's time that time", async () => {
    const records = [record(0, { timestamp: 5n }), record(1, { timestamp: 6n })];
    for (const maxTimestamp of [1_800_000_000_000n, 2n ** 60n]) {
      const batch = await batchOf({ records, attributes: ATTRIBUTE.logAppendTime, maxTimestamp });
      const built = builder();
      built.addBatch(cursorOf(batch), 0);
      const seen = await decodedByKafkajs(await built.finish(ADDRESS));
      deepEqual(
        seen.map(({ timestamp }) => timestamp),
        [maxTimestamp, maxTimestamp],
      );
    }
  });

  it('adds the deltas to the first timestamp also where that is a delete horizon', async () => {
    const records = [record(0, { timestamp: 5n }), record(1, { timestamp: 6n })];
    const batch = await batchOf({ records, attributes: ATTRIBUTE.deleteHorizon, baseTimestamp: 4000n });
    const built = builder();
    built.addBatch(cursorOf(batch), 0);
    deepEqual(await decodedByKafkajs(await built.finish(ADDRESS)), records);
  });

  it('takes nothing of a batch that is corrupt, and keeps what it had', async () => {
    const records = [record(0), record(1)];
    const built = builder();
    built.addBatch(cursorOf(await batchOf({ records: [records[0]!] })), 0);
    const spoilt = await batchOf({ records: [record(1, { timestamp: 2n ** 60n }), record(2)] });
    spoilt[spoilt.length - 1] = 9;
    const cursor = cursorOf(spoilt);
    throws(() => built.addBatch(cursor, 0), { code: 'RECORD_BATCH_CORRUPT' });
    equal(built.maxTimestamp, records[0]!.timestamp);
    built.addBatch(cursorOf(await batchOf({ records: [records[1]!] })), 0);
    deepEqual(await decodedByKafkajs(await built.finish(ADDRESS)), records);
  });

  it('refuses offsets that do not ascend or pass the last one', async () => {
    const batches = [{ records: [record(5), record(5)] }, { records: [record(5), record(7)], lastOffset: 6 }];
    for (const batch of batches) {
      const cursor = cursorOf(await batchOf(batch));
      throws(() => builder().addBatch(cursor, 0), { code: 'RECORD_BATCH_CORRUPT' });
    }
  });

  it('may be filled again while the batch before is compressed', async () => {
    const records = Array.from({ length: 500 }, (_, offset) => record(offset));
    const cursor = cursorOf(await batchOf({ records }));
    const built = builder(LIMIT_BYTES, 'zstd');
    const finished = [0, 1, 2, 3].map((from) => {
      built.addBatch(cursor, from);
      return built.finish(ADDRESS);
    });
    for (const [from, batch] of (await Promise.all(finished)).entries()) {
      equal(cursorOf(batch).verify(), true);
      deepEqual(await decodedByKafkajs(batch), renumbered(records.slice(from)));
    }
  });

  it('leaves as it is what compression would not make smaller', async () => {
    const built = builder(LIMIT_BYTES, 'lz4');
    built.addBatch(cursorOf(await batchOf({ records: [record(0)] })), 0);
    const batch = await built.finish(ADDRESS);
    equal(cursorOf(batch).compression, 0);
    deepEqual(await decodedByKafkajs(batch), [record(0)]);
  });

  it('makes no batch without records', async () => {
    await rejects(builder().finish(ADDRESS), { code: 'INTERNAL' });
  });
});
