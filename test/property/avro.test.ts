import assert from 'node:assert/strict';
import fc from 'fast-check';
import { avroType, SCHEMA_FILES } from '../../schemas/avro-types.ts';
import type { AvroRecords } from '../../schemas/generated/records.ts';

const LONG = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => exact(value)),
);

const PRIMITIVES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  int: fc.integer(),
  long: LONG,
  float: fc.float({ noNaN: true }).map((value) => Math.fround(value)),
  double: fc.double(),
  string: fc.string({ unit: 'grapheme' }),
  bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
};

/** As it is read back: a number while it is exact. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Random values of a schema as its file writes it; every branch of a union is taken. */
function valuesOf(schema: unknown, depth = 0): fc.Arbitrary<unknown> {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? valuesOf(SCHEMA_FILES.get(schema), depth);
  if (Array.isArray(schema)) return fc.oneof(...schema.map((branch) => branchValue(branch, depth)));
  const node = schema as {
    type: string;
    symbols?: string[];
    fields?: { name: string; type: unknown }[];
    items?: unknown;
    values?: unknown;
  };
  const maxLength = depth > 3 ? 1 : 3;
  switch (node.type) {
    case 'enum':
      return fc.constantFrom(...node.symbols!);
    case 'array':
      return fc.array(valuesOf(node.items, depth + 1), { maxLength });
    case 'map':
      return fc
        .uniqueArray(fc.tuple(fc.stringMatching(/^[0-9a-z]{1,5}$/), valuesOf(node.values, depth + 1)), {
          maxLength,
          selector: ([key]) => key,
        })
        .map((entries) => Object.fromEntries(entries));
    case 'record':
      return fc.record(Object.fromEntries(node.fields!.map((field) => [field.name, valuesOf(field.type, depth + 1)])));
    default:
      throw new Error(`a schema this test does not know: ${node.type}`);
  }
}

function branchValue(branch: unknown, depth: number): fc.Arbitrary<unknown> {
  if (branch === 'null') return fc.constant(null);
  const name = typeof branch === 'string' ? branch : (branch as { type: string }).type;
  return valuesOf(branch, depth).map((value) => ({ [name]: value }));
}

/** avsc gives maps and records prototypes of their own; only the contents count. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

describe('property: Avro records', function () {
  this.timeout(60_000);
  for (const [fullName, schema] of SCHEMA_FILES) {
    if (schema.type !== 'record') continue;
    it(`${schema.name} comes back from its bytes as it was`, () => {
      const type = avroType(fullName as keyof AvroRecords);
      fc.assert(
        fc.property(valuesOf(schema), (value) => {
          assert.deepEqual(plain(type.fromBuffer(type.toBuffer(value))), plain(value));
        }),
        { numRuns: 60 },
      );
    });
  }

  it('cut or changed bytes give an error or a value, and nothing else', () => {
    const type = avroType('io.zeelos.leshan.avro.response.AvroResponseObserve');
    const schema = SCHEMA_FILES.get('io.zeelos.leshan.avro.response.AvroResponseObserve');
    const changed = fc.record({ value: valuesOf(schema), at: fc.nat(), byte: fc.nat(255), length: fc.nat() });
    fc.assert(
      fc.property(changed, ({ value, at, byte, length }) => {
        const bytes = type.toBuffer(value);
        bytes[at % bytes.length] = byte;
        const cut = bytes.subarray(0, length % (bytes.length + 1));
        try {
          type.fromBuffer(cut);
        } catch (error) {
          assert.ok(error instanceof Error);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
