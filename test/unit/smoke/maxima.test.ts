import assert from 'node:assert/strict';
import type { AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { differing, greatestOf, lastOf } from '../../smoke/maxima-account.ts';

function observation(timestamp: number, value: object, path = '/3303/0/5700'): AvroResponseObserve {
  const content = { 'io.zeelos.leshan.avro.resource.AvroResource': { value } };
  const body = { 'io.zeelos.leshan.avro.response.AvroReadResponseBody': { content } };
  return { ep: 'a', path, timestamp, rep: { kind: 'observe', body } } as unknown as AvroResponseObserve;
}

const SEEN = [
  observation(30_000, { double: 1.5 }),
  observation(59_999, { double: 2.5 }),
  observation(40_000, { string: 'text' }),
  observation(60_000, { long: 1n }),
];

describe('smoke account of the greatest values', () => {
  const wanted = greatestOf(SEEN);

  it('knows the greatest number of each window', () => {
    assert.deepEqual(
      [...wanted],
      [
        ['a /3303/0/5700 30000', 2.5],
        ['a /3303/0/5700 60000', 1],
      ],
    );
  });

  it('holds when the last result of each window says so', () => {
    const results = [SEEN[0]!, SEEN[1]!, SEEN[3]!].map((one) => ({ ...one, path: `${one.path}-max` }));
    assert.deepEqual(differing(wanted, lastOf(results)), []);
  });

  it('sees a window without a result, one too many and another value', () => {
    const result = (timestamp: number, double: number) => observation(timestamp, { double }, '/3303/0/5700-max');
    const found = lastOf([result(59_999, 2.5), result(30_000, 1.5), result(90_000, 3)]);
    assert.deepEqual(differing(wanted, found), [
      'a /3303/0/5700 30000',
      'a /3303/0/5700 60000',
      'a /3303/0/5700 90000',
    ]);
  });
});
