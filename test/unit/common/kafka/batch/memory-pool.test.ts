import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { KEPT_BYTES, MemoryPool } from '../../../../../common/kafka/batch/memory-pool.ts';

describe('common/kafka/batch/memory-pool', () => {
  it('gives out again what was given back, when it is large enough', () => {
    const pool = new MemoryPool();
    const memory = pool.take(100_000);
    pool.give(memory);
    equal(pool.take(50_000), memory);
    notEqual(pool.take(50_000), memory);
    pool.give(memory);
    equal(pool.take(200_000).length >= 200_000, true);
  });

  it('keeps no more than its limit', () => {
    const pool = new MemoryPool();
    const kept = Buffer.alloc(KEPT_BYTES);
    pool.give(kept);
    const surplus = Buffer.alloc(1000);
    pool.give(surplus);
    equal(pool.take(1), kept);
    notEqual(pool.take(1), surplus);
  });

  it('grows what is in use by half of what it becomes at least, with its bytes', () => {
    const grown = new MemoryPool().grow(Buffer.from('abcdef'), 4, 5);
    equal(grown.length, 12);
    deepEqual(grown.subarray(0, 4), Buffer.from('abcd'));
    equal(new MemoryPool().grow(grown, 4, 500).length, 500);
  });
});
