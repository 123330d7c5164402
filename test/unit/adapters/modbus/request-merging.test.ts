import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Point } from '../../../../adapters/modbus/mapping.ts';
import { type MergeLimits, mergeReads } from '../../../../adapters/modbus/request-merging.ts';

const LIMITS: MergeLimits = { most: 125, maxGap: 0 };

function point(address: number, span: number): Point {
  return {
    path: { objectId: 33000, instanceId: 0, resourceId: address },
    table: 'holding-register',
    address,
    width: 1,
    quantity: span,
    span,
    format: { format: 'uint16', wordOrder: 'big', byteOrder: 'big', scale: 1, offset: 0 },
    resourceType: 'INTEGER',
    writable: false,
    pollMs: 1_000,
  };
}

function merged(points: readonly (readonly [number, number])[], limits: Partial<MergeLimits> = {}): number[][] {
  const ranges = mergeReads(
    points.map(([address, span]) => point(address, span)),
    { ...LIMITS, ...limits },
  );
  return ranges.map(({ address, count }) => [address, count]);
}

describe('merging of Modbus reads', () => {
  it('joins neighbours, in whatever order they come', () =>
    assert.deepEqual(
      merged([
        [2, 2],
        [0, 2],
        [4, 1],
      ]),
      [[0, 5]],
    ));
  it('does not read across a hole', () =>
    assert.deepEqual(
      merged([
        [0, 2],
        [3, 1],
      ]),
      [
        [0, 2],
        [3, 1],
      ],
    ));
  it('reads across a hole when allowed', () =>
    assert.deepEqual(
      merged(
        [
          [0, 2],
          [4, 1],
        ],
        { maxGap: 2 },
      ),
      [[0, 5]],
    ));
  it('joins what overlaps', () =>
    assert.deepEqual(
      merged([
        [0, 4],
        [1, 1],
        [3, 3],
      ]),
      [[0, 6]],
    ));
  it('stops at the most that one request reads', () => {
    assert.deepEqual(
      merged([
        [0, 100],
        [100, 25],
        [125, 1],
      ]),
      [
        [0, 125],
        [125, 1],
      ],
    );
    assert.deepEqual(
      merged(
        [
          [0, 40],
          [40, 1],
        ],
        { most: 40 },
      ),
      [
        [0, 40],
        [40, 1],
      ],
    );
  });

  it('covers each point exactly once, within the limit', () => {
    const points = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(points, fc.integer({ min: 20, max: 125 }), fc.nat(10), (pairs, most, maxGap) => {
        const ranges = mergeReads(
          pairs.map(([address, span]) => point(address, span)),
          { most, maxGap },
        );
        for (const { address, count, points: inside } of ranges) {
          assert.ok(count <= most);
          for (const p of inside) assert.ok(p.address >= address && p.address + p.span <= address + count);
        }
        assert.equal(
          ranges.reduce((sum, range) => sum + range.points.length, 0),
          pairs.length,
        );
      }),
    );
  });
});
