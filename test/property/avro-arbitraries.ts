import fc from 'fast-check';

/** Texts with what the line protocol gives a meaning, and more than ASCII. */
export const anyText = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ maxLength: 6, unit: 'grapheme' }),
  fc.constantFrom('', 'a b', 'x,y=z', '"q"', 'back\\', 'tab\tline\n\r', 'é', '2026-09-21T14:13:20Z'),
);

export const anyLong = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(exact),
  fc.constantFrom(1_790_000_000_000, 1_790_000_000, 2 ** 53, -1, 0).map((value) => exact(BigInt(value))),
);

/** As it is read back: a number while it is exact. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export const anyDouble = fc.oneof(
  fc.double(),
  fc.integer({ min: -100_000, max: 100_000 }).map((value) => value / 100),
  fc.integer({ min: -100_000, max: 100_000 }).map((value) => value / 10_000),
  fc.constantFrom(0, -0, 0.1 + 0.2, 1e21, 1e-7, 123456789012345.6, 5e-324, 99999.99995, Number.NaN, -Infinity),
);

/** A schema, and values of it as the decoder gives them. */
export interface SchemaWithValues {
  readonly schema: unknown;
  readonly values: fc.Arbitrary<unknown>;
}

type Named = { readonly name: string; readonly type: SchemaWithValues };

const scalar: fc.Arbitrary<SchemaWithValues> = fc.constantFrom(
  { schema: 'int', values: fc.integer() },
  { schema: 'long', values: anyLong },
  // avsc refuses larger ones where the type is not plainly named.
  {
    schema: { type: 'long', logicalType: 'timestamp-millis' },
    values: fc.maxSafeInteger().map((value) => Math.trunc(value / 2)),
  },
  { schema: 'float', values: fc.float().map(Math.fround) },
  { schema: 'double', values: anyDouble },
  { schema: 'string', values: anyText },
  { schema: 'boolean', values: fc.boolean() },
  { schema: 'bytes', values: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)) },
);

/** Records with records, choices, lists and maps in them, of no more than so many levels. */
export function anyRecordSchema(depth = 3): fc.Arbitrary<SchemaWithValues> {
  let made = 0;
  const record = (level: number): fc.Arbitrary<SchemaWithValues> =>
    fc
      .uniqueArray(fc.record({ name: fc.stringMatching(/^[a-z][a-z0-9_]{0,3}$/), type: typeOf(level) }), {
        minLength: 1,
        maxLength: 5,
        selector: ({ name }) => name,
      })
      .map((fields) => recordOf(`io.zeelos.test.R${made++}`, fields));
  const special = (): fc.Arbitrary<SchemaWithValues> =>
    fc.constantFrom('enum', 'fixed').map((kind) => {
      const name = `io.zeelos.test.S${made++}`;
      if (kind === 'enum')
        return {
          schema: { type: 'enum', name, symbols: ['ONE', 'TWO', 'three'] },
          values: fc.constantFrom('ONE', 'three'),
        };
      const values = fc.uint8Array({ minLength: 3, maxLength: 3 }).map((bytes) => Buffer.from(bytes));
      return { schema: { type: 'fixed', name, size: 3 }, values };
    });
  const single = (level: number): fc.Arbitrary<SchemaWithValues> =>
    level <= 0 ? fc.oneof(scalar, special()) : fc.oneof(scalar, special(), record(level - 1));
  const typeOf = (level: number): fc.Arbitrary<SchemaWithValues> =>
    level <= 0
      ? scalar
      : fc.oneof(
          { weight: 4, arbitrary: single(level) },
          { weight: 2, arbitrary: single(level).map((inner) => unionOf([inner])) },
          {
            weight: 2,
            arbitrary: fc
              .uniqueArray(single(level), { minLength: 2, maxLength: 4, selector: ({ schema }) => branchName(schema) })
              .map(unionOf),
          },
          { weight: 1, arbitrary: single(level - 1).map(listOf) },
          { weight: 1, arbitrary: single(level - 1).map(mapOf) },
        );
  return record(depth);
}

function recordOf(name: string, fields: readonly Named[]): SchemaWithValues {
  return {
    schema: { type: 'record', name, fields: fields.map(({ name, type }) => ({ name, type: type.schema })) },
    values: fc.record(Object.fromEntries(fields.map(({ name, type }) => [name, type.values]))),
  };
}

function unionOf(branches: readonly SchemaWithValues[]): SchemaWithValues {
  const wrapped = branches.map(({ schema, values }) => values.map((value) => ({ [branchName(schema)]: value })));
  return { schema: ['null', ...branches.map(({ schema }) => schema)], values: fc.oneof(fc.constant(null), ...wrapped) };
}

function branchName(schema: unknown): string {
  if (typeof schema === 'string') return schema;
  const { name, type } = schema as { name?: string; type: string };
  return name ?? type;
}

function listOf({ schema, values }: SchemaWithValues): SchemaWithValues {
  return { schema: { type: 'array', items: schema }, values: fc.array(values, { maxLength: 3 }) };
}

function mapOf({ schema, values }: SchemaWithValues): SchemaWithValues {
  return {
    schema: { type: 'map', values: schema },
    values: fc.dictionary(fc.string({ maxLength: 3 }), values, { maxKeys: 3 }),
  };
}
