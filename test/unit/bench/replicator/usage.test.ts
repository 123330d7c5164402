import assert from 'node:assert/strict';
import { secondsAt } from '../../../../bench/replicator/usage.ts';

describe('processor seconds at a time', () => {
  const samples = [
    { atMs: 1_000, seconds: 2 },
    { atMs: 1_100, seconds: 3 },
    { atMs: 1_300, seconds: 3.4 },
  ];

  it('are taken in proportion between two samples', () => {
    assert.equal(secondsAt(samples, 1_000), 2);
    assert.equal(secondsAt(samples, 1_025), 2.25);
    assert.ok(Math.abs(secondsAt(samples, 1_250) - 3.3) < 1e-9);
  });

  it('are those of the nearest sample outside of them', () => {
    assert.equal(secondsAt(samples, 500), 2);
    assert.equal(secondsAt(samples, 9_000), 3.4);
    assert.equal(secondsAt([], 1), 0);
  });
});
