/**
 * Our records against another Avro implementation (fastavro) under the schemas of the original system
 * (test/vectors/original-avro): what is written here is read there and the reverse, byte for byte.
 */
import assert from 'node:assert/strict';
import { RecordReader } from '../../common/records.ts';
import { avroType, selfContainedSchema } from '../../schemas/avro-types.ts';
import { FRAME_BYTES, FrameEncoder } from '../../schemas/codec.ts';
import type { AvroRequest, AvroResource } from '../../schemas/generated/records.ts';
import { type Fastavro, fastavro } from '../peers/peers.ts';
import { SchemaAlternatives } from '../vectors/avro-alternatives.ts';
import { AVRO_SAMPLES, EXTENDED_SAMPLES, EXTENSION_FIELDS, type TopicRecord } from '../vectors/avro-records.ts';
import { originalSchema } from '../vectors/original-avro.ts';

/** The first use downloads and installs the Python packages. */
const PROVISION_TIMEOUT_MS = 5 * 60_000;
const RECORDS = Object.keys(AVRO_SAMPLES) as TopicRecord[];
const SCHEMA_ID = 7;

type Json = Readonly<Record<string, unknown>>;

describe('Avro records and the original system', function () {
  this.timeout(PROVISION_TIMEOUT_MS);
  let judge: Fastavro;
  before(async () => {
    judge = await fastavro();
  });
  after(() => judge.stop());

  for (const record of RECORDS) {
    const samples = Object.entries(AVRO_SAMPLES[record]) as [string, never][];
    const ours = selfContainedSchema(record);
    const original = originalSchema(record);

    describe(record, () => {
      it('has samples for every union branch and every enum symbol', () => {
        const alternatives = new SchemaAlternatives(original);
        const taken = new Set(samples.flatMap(([, value]) => [...alternatives.taken(plain(value))]));
        assert.deepEqual([...taken].sort(), [...alternatives.all].sort());
      });

      for (const [name, value] of samples) {
        const expected = withoutExtensions(record, value);

        it(`${name}: written by ours, read by fastavro`, async () => {
          const bytes = avroType(record).toBuffer(value);
          assert.deepEqual(await judge.decode(bytes, { writer: ours }), plain(value));
          const seen = await judge.decode(bytes, { writer: ours, reader: original });
          assert.deepEqual(seen, asResolved(expected));
        });

        it(`${name}: written by fastavro, read by ours`, async () => {
          const bytes = await judge.encode(expected, { writer: original });
          assert.deepEqual(plain(await decodeFramed(record, bytes, original)), expected);
          assert.deepEqual(plain(await decodeFramed(record, bytes, javaStrings(original))), expected);
        });

        it(`${name}: the same bytes, but for a zero byte per extension field`, async () => {
          const bytes = await judge.encode(expected, { writer: original });
          const extended = Buffer.concat([bytes, Buffer.alloc(extensionsIn(record, value))]);
          assert.equal(avroType(record).toBuffer(value).toString('hex'), extended.toString('hex'));
        });
      }
    });
  }

  for (const [record, samples] of Object.entries(EXTENDED_SAMPLES)) {
    const name = record as keyof typeof EXTENDED_SAMPLES;
    const ours = selfContainedSchema(name);

    it(`${name}: the samples together take every branch and symbol of ours`, () => {
      const alternatives = new SchemaAlternatives(ours);
      const all = [...Object.values(AVRO_SAMPLES[name]), ...Object.values(samples)];
      const taken = new Set(all.flatMap((value) => [...alternatives.taken(plain(value))]));
      assert.deepEqual([...taken].sort(), [...alternatives.all].sort());
    });

    for (const [what, value] of Object.entries(samples)) {
      it(`${name}, ${what}: the same bytes and values as fastavro's`, async () => {
        const bytes = avroType(name).toBuffer(value);
        assert.deepEqual(await judge.decode(bytes, { writer: ours }), plain(value));
        assert.equal((await judge.encode(plain(value), { writer: ours })).toString('hex'), bytes.toString('hex'));
      });
    }

    it(`${name}: what the original wrote is read with our schema (BACKWARD)`, async () => {
      for (const value of Object.values(AVRO_SAMPLES[name])) {
        const bytes = await judge.encode(withoutExtensions(name, value), { writer: originalSchema(name) });
        const seen = await judge.decode(bytes, { writer: originalSchema(name), reader: ours });
        assert.deepEqual(withoutExtensions(name, seen), asResolved(withoutExtensions(name, value)));
      }
    });
  }

  it('reads filled extension fields as the original: they are passed over', async () => {
    const record = 'io.zeelos.leshan.avro.request.AvroRequest';
    const plainRequest = AVRO_SAMPLES[record].execute!;
    const filled: AvroRequest = {
      ...plainRequest,
      expiresAt: { long: 1_544_700_000_123 },
      timeoutMs: { long: 5_000 },
      requestedBy: { string: 'operator' },
    };
    const bytes = avroType(record).toBuffer(filled);
    assert.deepEqual(await judge.decode(bytes, { writer: selfContainedSchema(record) }), plain(filled));
    const seen = await judge.decode(bytes, { writer: selfContainedSchema(record), reader: originalSchema(record) });
    assert.deepEqual(seen, withoutExtensions(record, plainRequest));
  });

  for (const integer of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n)]) {
    it(`carries the integer ${integer} in full`, async () => {
      const record = 'io.zeelos.leshan.avro.response.AvroResponse';
      const sample = AVRO_SAMPLES[record]['content INTEGER']!;
      const value = withLong(sample, integer);
      const bytes = await judge.encode(withLong(withoutExtensions(record, sample), rawNumber(integer)), {
        writer: originalSchema(record),
      });
      const extended = Buffer.concat([bytes, Buffer.alloc(EXTENSION_FIELDS[record].length)]);
      assert.equal(extended.toString('hex'), avroType(record).toBuffer(value).toString('hex'));
      assert.equal(longIn(await decodeFramed(record, bytes, originalSchema(record))), integer);
    });
  }
});

/** The schema as Avro's Java classes register it: each string says which Java class holds it. */
function javaStrings(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    value === 'string' && key !== 'name' ? { type: 'string', 'avro.java.string': 'String' } : value,
  );
}

async function decodeFramed(record: TopicRecord, bytes: Buffer, writer: unknown): Promise<unknown> {
  const reader = new RecordReader({ schemaById: async (id) => (id === SCHEMA_ID ? writer : undefined) }, record);
  const frame = new FrameEncoder(avroType('io.zeelos.leshan.avro.AvroKey'), SCHEMA_ID).encode({ ep: '' });
  return reader.decode(Buffer.concat([frame.subarray(0, FRAME_BYTES), bytes]));
}

/** Without the classes that avsc gives its records. Exact for all samples: their integers are safe. */
function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

function withoutExtensions(record: TopicRecord, value: unknown): Json {
  const extensions = EXTENSION_FIELDS[record];
  return JSON.parse(JSON.stringify(value), (key, inner) => (extensions.includes(key) ? undefined : inner));
}

/** How many extension fields a record has, its body included. */
function extensionsIn(record: TopicRecord, value: unknown): number {
  let found = 0;
  JSON.stringify(value, (key, inner) => {
    if (EXTENSION_FIELDS[record].includes(key)) found++;
    return inner;
  });
  return found;
}

/**
 * The value of an AvroResource as a resolving reader hands it over: Avro takes the first branch of the reader's union that
 * the written type fits, and a long fits the double that stands before it (Avro 1.12, "Schema Resolution"). That is the
 * original's order of branches, not a loss of ours: without resolution the branch stays long, as the test before it sees.
 */
function asResolved(value: Json): Json {
  return JSON.parse(JSON.stringify(value), (key, inner) =>
    key === 'value' && typeof inner === 'object' && 'long' in inner ? { double: inner.long } : inner,
  );
}

/** A number with all its digits in JSON (ECMAScript 2026; the compiler's library does not list it yet). */
function rawNumber(integer: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(integer.toString());
}

function withLong<T>(response: T, long: unknown): T {
  return JSON.parse(JSON.stringify(response), (key, inner) => (key === 'value' ? { long } : inner)) as T;
}

function longIn(response: unknown): unknown {
  let found: unknown;
  const look = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { value } = node as { value?: AvroResource['value'] };
    if (value !== undefined && 'long' in value) found = value.long;
    for (const inner of Object.values(node)) look(inner);
  };
  look(response);
  return found;
}
