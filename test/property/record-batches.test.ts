import { deepEqual, equal } from 'node:assert/strict';
import fc from 'fast-check';
import { AbortedTransactions } from '../../common/kafka/batch/aborted.ts';
import { BatchBuilder } from '../../common/kafka/batch/builder.ts';
import { checksumChange } from '../../common/kafka/batch/checksum.ts';
import { COMPRESSIONS, decompress } from '../../common/kafka/batch/compression.ts';
import { BatchCursor } from '../../common/kafka/batch/cursor.ts';
import { needsReencoding, readdress } from '../../common/kafka/batch/readdress.ts';
import { patchSchemaIds } from '../../common/kafka/batch/schema-ids.ts';
import { crc32c } from '../../common/kafka/crc32c.ts';
import { encodeRecords } from '../../common/kafka/record-batch.ts';
import {
  type BatchToMake,
  batchOf,
  cursorOf,
  decodedByKafkajs,
  type SeenRecord,
  sectionOf,
} from '../unit/common/kafka/batch/batches.ts';

const CORRUPT = 'RECORD_BATCH_CORRUPT';
/** More than a batch of the tests holds, so little that no walk over it takes long. */
const LIMIT_BYTES = 2 ** 20;

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const maybe = (maxLength: number) => fc.option(bytes(maxLength));
/** A batch's first timestamp: one of now, or anything that 64 bits hold and its records' deltas do not leave. */
const anyTime = fc.oneof(
  fc.bigInt({ min: 1_763_700_000_000n, max: 1_763_700_100_000n }),
  fc.bigInt({ min: -(2n ** 63n) + 2n ** 52n, max: 2n ** 63n - 2n ** 52n }),
);
const anyDelta = fc.oneof(fc.integer({ min: -1000, max: 100_000 }), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }));
const anyBody = fc.record({
  delta: anyDelta,
  key: maybe(40),
  value: fc.oneof(maybe(20), maybe(300)),
  headers: fc.array(fc.record({ key: bytes(5), value: maybe(10) }, { noNullPrototype: true }), { maxLength: 3 }),
});
const anyCodec = fc.constantFrom(...COMPRESSIONS);
const anyAddress = fc.record({
  producerId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  producerEpoch: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  baseSequence: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  transactional: fc.boolean(),
});

/** A batch as a source may hold it: gaps before, between and behind its records. */
const anyBatch: fc.Arbitrary<BatchToMake & { readonly baseOffset: number; readonly lastOffset: number }> = fc
  .record({
    baseOffset: fc.integer({ min: 0, max: 2 ** 40 }),
    codec: anyCodec,
    baseTimestamp: anyTime,
    gaps: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 })), { minLength: 13, maxLength: 13 }),
    bodies: fc.array(anyBody, { minLength: 1, maxLength: 12 }),
  })
  .map(({ baseOffset, codec, baseTimestamp, gaps, bodies }) => {
    let offset = baseOffset - 1;
    const records = bodies.map(({ delta, ...body }, index) => {
      offset += 1 + gaps[index]!;
      return { ...body, offset, timestamp: baseTimestamp + BigInt(delta) };
    });
    return { baseOffset, codec, baseTimestamp, lastOffset: offset + gaps.at(-1)!, records };
  });

/** Batch after batch at ascending offsets. */
const anyBatches = fc.array(anyBatch, { minLength: 1, maxLength: 5 }).map((batches) => {
  let base = 0;
  return batches.map((batch) => {
    const by = base - batch.baseOffset;
    base = batch.lastOffset + by + 1;
    const records = batch.records.map((one) => ({ ...one, offset: one.offset + by }));
    return { ...batch, baseOffset: batch.baseOffset + by, lastOffset: batch.lastOffset + by, records };
  });
});

function renumbered(records: readonly SeenRecord[]): SeenRecord[] {
  return records.map((one, offset) => ({ ...one, offset }));
}

/** Undefined where it is corrupt; anything else that is thrown is a fault. */
async function unlessCorrupt<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if ((error as { code?: unknown }).code !== CORRUPT) throw error;
    return undefined;
  }
}

/** Everything that is done to fetched bytes; returns the number of batches. */
async function treat(fetched: Buffer): Promise<number> {
  const aborted = new AbortedTransactions();
  aborted.reset([{ producerId: 9n, firstOffset: 0 }]);
  const builder = new BatchBuilder({ limitBytes: LIMIT_BYTES, compression: 'none' });
  const cursor = new BatchCursor();
  cursor.reset(fetched);
  let batches = 0;
  while (cursor.next()) {
    batches++;
    aborted.isAborted(cursor);
    needsReencoding(cursor);
    cursor.verify();
    if (cursor.magic !== 2) continue;
    const raw = Buffer.from(cursor.bytes.subarray(cursor.recordsStart, cursor.end));
    const section = await unlessCorrupt(() => decompress(COMPRESSIONS[cursor.compression]!, raw, LIMIT_BYTES));
    if (section === undefined) continue;
    const ids = { key: () => 1, value: () => 2 };
    await unlessCorrupt(() => patchSchemaIds(section, 0, section.length, cursor.recordCount, ids));
    await unlessCorrupt(() => builder.addBatch(cursor, 0, section));
    readdress(cursor.bytes, cursor.start, { producerId: 1n, producerEpoch: 1, baseSequence: 1, transactional: true });
  }
  if (!builder.isEmpty) {
    const made = await builder.finish({ producerId: 1n, producerEpoch: 1, baseSequence: 1, transactional: true });
    equal(cursorOf(made).verify(), true);
  }
  return batches;
}

describe('any record batches', () => {
  it('are joined to batches whose records another client reads as those of the source, whatever the limit', () => {
    const anyLimit = fc.oneof(fc.integer({ min: 20, max: 600 }), fc.constant(LIMIT_BYTES));
    return fc.assert(
      fc.asyncProperty(anyBatches, anyCodec, anyLimit, anyAddress, async (sources, compression, limitBytes, to) => {
        const cursor = new BatchCursor();
        cursor.reset(Buffer.concat(await Promise.all(sources.map(batchOf))));
        const builder = new BatchBuilder({ limitBytes, compression });
        const copied: SeenRecord[] = [];
        const finish = async () => {
          const batch = await builder.finish(to);
          const made = cursorOf(batch);
          equal(made.verify(), true);
          equal(made.producerId, to.producerId);
          equal(made.hasWholeOffsets, true);
          const records = await decodedByKafkajs(batch);
          equal(
            made.maxTimestamp,
            records.reduce((max, { timestamp }) => (timestamp > max ? timestamp : max), -(2n ** 63n)),
          );
          copied.push(...records);
        };
        let position = 0;
        while (cursor.next()) {
          const section = await sectionOf(cursor);
          for (; position <= cursor.lastOffset; position = builder.nextOffset) {
            builder.addBatch(cursor, position, section);
            if (builder.nextOffset <= cursor.lastOffset) await finish();
          }
        }
        equal(position, sources.at(-1)!.lastOffset! + 1);
        if (!builder.isEmpty) await finish();
        deepEqual(renumbered(copied), renumbered(sources.flatMap(({ records }) => records)));
      }),
      { numRuns: 200 },
    );
  });

  it('keep their checksum right through any change of address, however large they are', () => {
    const anyBody = fc.oneof(
      bytes(100),
      fc.integer({ min: 0, max: 70_000 }).map((length) => Buffer.alloc(length, 'ab')),
    );
    return fc.assert(
      fc.asyncProperty(anyBatch, anyBody, fc.array(anyAddress, { minLength: 1 }), async (source, value, addresses) => {
        const records = [{ ...source.records[0]!, value }];
        const batch = await batchOf({ ...source, records });
        for (const to of addresses) {
          readdress(batch, 0, to);
          equal(batch.readUInt32BE(17), crc32c(batch, 21));
          equal(cursorOf(batch).producerId, to.producerId);
        }
        deepEqual(
          (await decodedByKafkajs(batch)).map((one) => ({ ...one, offset: one.offset + source.baseOffset })),
          records,
        );
      }),
    );
  });

  it('have a checksum that changes with the bytes as the change says', () => {
    fc.assert(
      fc.property(bytes(60), bytes(60), bytes(300), (before, change, tail) => {
        const changed = Buffer.from(before);
        const length = Math.min(before.length, change.length);
        for (let at = 0; at < length; at++) changed[at]! ^= change[at]!;
        const by = checksumChange(change.subarray(0, length), before.length - length + tail.length) >>> 0;
        equal((crc32c(Buffer.concat([before, tail])) ^ by) >>> 0, crc32c(Buffer.concat([changed, tail])));
      }),
    );
  });

  it('have their schema ids replaced and nothing else', () => {
    const framed = fc.tuple(fc.constantFrom(0, 0, 0, 1), fc.nat(20), bytes(12)).map(([magic, id, rest]) => {
      return Buffer.concat([Buffer.of(magic, 0, 0, 0, id), rest]);
    });
    const part = fc.oneof(framed, maybe(6));
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part), { maxLength: 8 }), fc.nat(20), (parts, unknown) => {
        const section = (pairs: typeof parts) =>
          encodeRecords(pairs.map(([key, value], at) => ({ offsetDelta: at, timestampDelta: at, key, value })));
        const patched = (one: Buffer | null, by: number): Buffer | null => {
          if (one === null || one.length < 5 || one[0] !== 0) return one;
          const copy = Buffer.from(one);
          copy.writeUInt32BE(copy.readUInt32BE(1) + by, 1);
          return copy;
        };
        const records = section(parts);
        const before = Buffer.from(records);
        const ids = {
          key: (id: number) => id + 1000,
          value: (id: number) => (id === unknown ? undefined : id + 70_000),
        };
        const found = patchSchemaIds(records, 0, records.length, parts.length, ids);
        const isUnknown = (one: Buffer | null) =>
          one !== null && one.length >= 5 && one[0] === 0 && one.readUInt32BE(1) === unknown;
        if (parts.some(([, value]) => isUnknown(value))) {
          deepEqual(found, { part: 'value', id: unknown });
          deepEqual(records, before);
        } else {
          equal(found, undefined);
          deepEqual(records, section(parts.map(([key, value]) => [patched(key, 1000), patched(value, 70_000)])));
        }
      }),
    );
  });

  it('are refused as corrupt at worst when bytes in them were changed', () => {
    const anyChange = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    return fc.assert(
      fc.asyncProperty(anyBatches, fc.array(anyChange, { minLength: 1, maxLength: 8 }), async (sources, changes) => {
        const fetched = Buffer.concat(await Promise.all(sources.map(batchOf)));
        for (const [at, byte] of changes) fetched[at % fetched.length] = byte;
        const batches = await unlessCorrupt(() => treat(fetched));
        equal(batches === undefined || batches <= fetched.length / 26, true);
      }),
      { numRuns: 500 },
    );
  });

  it('are refused as corrupt at worst when they are no batches but begin like one', () => {
    return fc.assert(
      fc.asyncProperty(anyBatch, bytes(200), anyCodec, async (source, noise, codec) => {
        const header = (await batchOf(source)).subarray(0, 61);
        const fetched = Buffer.concat([header, noise]);
        fetched.writeInt32BE(fetched.length - 12, 8);
        fetched.writeInt16BE(COMPRESSIONS.indexOf(codec), 21);
        await unlessCorrupt(() => treat(fetched));
      }),
      { numRuns: 500 },
    );
  });

  for (const codec of COMPRESSIONS) {
    it(`do not pass the limit, nor throw anything else, for any bytes that say they are ${codec}`, () => {
      const starts: Readonly<Record<string, string>> = {
        lz4: '04224d18604082',
        snappy: '82534e415050590000000001',
        zstd: '28b52ffd',
        gzip: '1f8b08',
      };
      return fc.assert(
        fc.asyncProperty(bytes(300), fc.boolean(), async (noise, isLike) => {
          const input = isLike ? Buffer.concat([Buffer.from(starts[codec] ?? '', 'hex'), noise]) : noise;
          const section = await unlessCorrupt(() => decompress(codec, input, 5000));
          equal(section === undefined || section.length <= 5000, true);
        }),
        { numRuns: 300 },
      );
    });
  }
});
