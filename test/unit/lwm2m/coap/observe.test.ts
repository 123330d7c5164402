import assert from 'node:assert/strict';
import { isFresherNotification } from '../../../../lwm2m/coap/observe.ts';

const fresher = (v1: number, v2: number, afterMs = 1): boolean =>
  isFresherNotification({ sequence: v1, receivedAtMs: 1_000 }, { sequence: v2, receivedAtMs: 1_000 + afterMs });

describe('freshness of notifications, RFC 7641 §3.4', () => {
  const cases: readonly [number, number, number, boolean, string][] = [
    [1, 2, 1, true, 'the next number'],
    [2, 1, 1, false, 'an earlier number'],
    [5, 5, 1, false, 'the same number'],
    [0, 2 ** 23 - 1, 1, true, 'just below half the ring ahead'],
    [0, 2 ** 23, 1, false, 'half the ring ahead'],
    [2 ** 24 - 1, 0, 1, true, 'around the end'],
    [2 ** 23, 0, 1, false, 'exactly half the ring back'],
    [2 ** 23 + 1, 0, 1, true, 'more than half the ring back'],
    [0, 2 ** 24 - 1, 1, false, 'around the end backwards'],
    [9, 3, 128_000, false, 'an earlier number after exactly 128 s'],
    [9, 3, 128_001, true, 'any number after more than 128 s'],
    [9, 9, 128_001, true, 'the same number after more than 128 s'],
  ];
  for (const [v1, v2, afterMs, expected, what] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(fresher(v1, v2, afterMs), expected));
  }
});
