import assert from 'node:assert/strict';
import { compileSchema } from '../../../schemas/avro-types.ts';

const NUMBERS = { type: 'array', items: 'long' };
const BY_NAME = { type: 'map', values: 'long' };

/** A count as Avro writes it: zigzag, seven bits a byte. */
function long(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

describe('schemas/avsc-bounds', () => {
  for (const [name, schema] of [
    ['an array', NUMBERS],
    ['a map', BY_NAME],
  ] as const) {
    const type = compileSchema(schema);
    for (const count of [100n, 2n ** 31n, 2n ** 52n, -(2n ** 31n)]) {
      it(`${name} that says ${count} items and ends there is refused at once`, () => {
        assert.throws(() => type.fromBuffer(Buffer.from([...long(count), 8, 2])), /a block of \d+ items cannot be in/);
      });
    }
  }

  it('so it is where a field is passed over', () => {
    const writer = compileSchema({
      type: 'record',
      name: 'R',
      fields: [
        { name: 'many', type: NUMBERS },
        { name: 'named', type: BY_NAME },
        { name: 'last', type: 'long' },
      ],
    });
    const reader = compileSchema({ type: 'record', name: 'R', fields: [{ name: 'last', type: 'long' }] });
    const resolver = reader.createResolver(writer);
    const value = { many: [1, 2, 3], named: { a: 1 }, last: 7 };
    assert.equal((reader.fromBuffer(writer.toBuffer(value), resolver) as { last: number }).last, 7);
    assert.throws(() => reader.fromBuffer(Buffer.from(long(2n ** 40n)), resolver), /cannot be in/);
    assert.throws(() => reader.fromBuffer(Buffer.from([0, ...long(2n ** 40n)]), resolver), /cannot be in/);
  });

  it('blocks of several counts, with and without their size, are read as they were', () => {
    const type = compileSchema(NUMBERS);
    assert.deepEqual(type.fromBuffer(Buffer.from([4, 2, 4, 1, 2, 6, 0])), [1, 2, 3]);
    assert.deepEqual(compileSchema(BY_NAME).fromBuffer(Buffer.from([2, 2, 97, 2, 1, 6, 2, 98, 4, 0])), { a: 1, b: 2 });
    assert.deepEqual(
      compileSchema({ type: 'array', items: 'null' }).fromBuffer(Buffer.from([20, 0])),
      new Array(10).fill(null),
    );
  });
});
