import { deepEqual, equal, throws } from 'node:assert/strict';
import fc from 'fast-check';
import { RequestWriter } from '../../../../replicator/wire/request-writer.ts';
import { ResponseReader } from '../../../../replicator/wire/response-reader.ts';

function bytesOf(write: (writer: RequestWriter) => void, flexible = true): Buffer {
  const writer = new RequestWriter();
  writer.flexible = flexible;
  write(writer);
  const { length } = writer;
  const bytes = Buffer.concat(writer.finish());
  equal(bytes.length, length);
  return bytes;
}

function readerOf(bytes: Buffer | string, flexible = true): ResponseReader {
  const reader = new ResponseReader(typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes);
  reader.flexible = flexible;
  return reader;
}

/** Kafka's protocol guide, "Protocol Primitive Types". */
const GOLDEN: readonly (readonly [name: string, write: (writer: RequestWriter) => void, hex: string, old?: string])[] =
  [
    ['an INT8', (w) => w.int8(-1), 'ff'],
    ['a BOOLEAN', (w) => w.bool(true), '01'],
    ['an INT16', (w) => w.int16(-2), 'fffe'],
    ['an INT32', (w) => w.int32(0x01020304), '01020304'],
    ['an INT64', (w) => w.int64(2 ** 32 + 1), '0000000100000001'],
    ['a negative INT64', (w) => w.int64(-1), 'ffffffffffffffff'],
    ['an INT64 beyond a double', (w) => w.bigInt64(2n ** 62n + 1n), '4000000000000001'],
    ['an UNSIGNED_VARINT', (w) => w.uvarint(300), 'ac02'],
    ['the largest UNSIGNED_VARINT', (w) => w.uvarint(2 ** 31 - 1), 'ffffffff07'],
    ['a STRING', (w) => w.string('aé'), '0461c3a9', '000361c3a9'],
    ['an empty STRING', (w) => w.string(''), '01', '0000'],
    ['a NULLABLE_STRING', (w) => w.string(null), '00', 'ffff'],
    ['BYTES', (w) => w.bytes(Uint8Array.of(1, 2)), '030102', '000000020102'],
    ['an ARRAY', (w) => w.array([7], (n) => w.int16(n)), '020007', '000000010007'],
    ['a null ARRAY', (w) => w.arrayLength(-1), '00', 'ffffffff'],
    ['a UUID', (w) => w.uuid('ASNFZ4mrze_-3LqYdlQyEA'), '0123456789abcdeffedcba9876543210'],
    ['no tagged fields', (w) => w.tags(), '00', ''],
    ['RECORDS', (w) => w.records([Buffer.of(1), Buffer.of(2, 3)]), '04010203', '00000003010203'],
  ];

describe('primitives of Kafka’s protocol', () => {
  for (const [name, write, hex, old = hex] of GOLDEN) {
    it(`writes ${name}`, () => {
      equal(bytesOf(write).toString('hex'), hex);
      equal(bytesOf(write, false).toString('hex'), old);
    });
  }

  it('reads back every number it writes', () => {
    const safe = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
    fc.assert(fc.property(safe, (n) => equal(readerOf(bytesOf((w) => w.int64(n))).int64(), n)));
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (n) =>
        equal(readerOf(bytesOf((w) => w.bigInt64(n))).bigInt64(), n),
      ),
    );
    fc.assert(fc.property(fc.nat(), (n) => equal(readerOf(bytesOf((w) => w.uvarint(n))).uvarint(), n)));
    fc.assert(fc.property(fc.integer(), (n) => equal(readerOf(bytesOf((w) => w.int32(n))).int32(), n)));
  });

  it('reads back texts, bytes, ids and arrays, compact or not', () => {
    const text = fc.option(fc.string({ unit: 'binary', maxLength: 6_000 }));
    fc.assert(
      fc.property(fc.boolean(), fc.array(text), fc.uint8Array({ maxLength: 9_000 }), (flexible, texts, blob) => {
        const bytes = bytesOf((w) => {
          w.array(texts, (one) => w.string(one));
          w.bytes(blob);
          w.tags();
        }, flexible);
        const reader = readerOf(bytes, flexible);
        const utf8 = texts.map((one) => (one === null ? null : Buffer.from(one).toString()));
        deepEqual(
          reader.array(() => reader.nullableString()),
          utf8,
        );
        deepEqual(reader.bytes(), Buffer.from(blob));
        reader.tags();
        equal(reader.left, 0);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (id) => {
        const printed = Buffer.from(id).toString('base64url');
        equal(readerOf(bytesOf((w) => w.uuid(printed))).uuid(), printed);
      }),
    );
  });

  it('keeps the chunks of records by reference, and the order of what stands around them', () => {
    const chunks = [Buffer.alloc(100_000, 1), Buffer.alloc(0), Buffer.alloc(3, 2)];
    const writer = new RequestWriter();
    writer.int32(1);
    writer.records(chunks);
    writer.string('x'.repeat(10_000));
    writer.records([Buffer.of(9)]);
    writer.int8(5);
    const written = writer.finish();
    equal(written.includes(chunks[0]!), true);
    equal(written.includes(chunks[2]!), true);
    const reader = readerOf(Buffer.concat(written), false);
    equal(reader.int32(), 1);
    deepEqual(reader.bytes(), Buffer.concat(chunks));
    equal(reader.string().length, 10_000);
    deepEqual(reader.bytes(), Buffer.of(9));
    equal(reader.int8(), 5);
  });

  it('gives bytes as a view of the frame', () => {
    const frame = Buffer.from('03aabb', 'hex');
    readerOf(frame).bytes()[0] = 0xcc;
    equal(frame.toString('hex'), '03ccbb');
  });

  it('skips tagged fields it does not know, and what it leaves of those it does', () => {
    const reader = readerOf('03' + '0102ffff' + '050400000001' + '0700' + '2a');
    const seen: number[] = [];
    reader.tags((tag) => {
      seen.push(tag);
      if (tag === 5) equal(reader.int16(), 0);
    });
    deepEqual(seen, [1, 5, 7]);
    equal(reader.int8(), 0x2a);
  });

  it('does not let a tagged field read past its end', () => {
    const reader = readerOf('01' + '0002' + '0001' + '00000000');
    throws(() => reader.tags(() => reader.int32()), { code: 'KAFKA_UNAVAILABLE' });
  });

  for (const [name, hex, read] of [
    ['an offset beyond 2^53', '0020000000000000', (r) => r.int64()],
    ['a varint without an end', 'ffffffffffff', (r) => r.uvarint()],
    ['a text longer than the frame', 'ff7f61', (r) => r.string()],
    ['null for a text that must be', '00', (r) => r.string()],
    ['bytes longer than the frame', 'ffffffff0f00', (r) => r.bytes()],
    ['a billion elements in a few bytes', '80ffffff0700', (r) => r.array(() => r.int8())],
    ['a thousand million tags', 'ffffffff07', (r) => r.tags()],
    ['a tagged field longer than the frame', '0100ff7f', (r) => r.tags()],
    ['half a number', '0000', (r) => r.int32()],
    ['half an id', '00000000', (r) => r.uuid()],
  ] as readonly (readonly [string, string, (reader: ResponseReader) => unknown])[]) {
    it(`refuses ${name}`, () => throws(() => read(readerOf(hex)), { code: 'KAFKA_UNAVAILABLE' }));
  }

  it('refuses an id that is none', () => {
    for (const id of ['', 'ASNFZ4mrze_-3LqYdlQyE', 'ASNFZ4mrze_-3LqYdlQyEAA', '????????????????????? ']) {
      throws(() => bytesOf((w) => w.uuid(id)), { code: 'KAFKA_REFUSED' });
    }
  });
});
