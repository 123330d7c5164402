import assert from 'node:assert/strict';
import { parseRateSchedule } from '../../../replicator/rate-schedule.ts';

describe('replicator/rate-schedule', () => {
  it('reads windows of the day, also one that passes midnight and one that ends there', () => {
    assert.deepEqual(parseRateSchedule('22:00-06:00=2000000, 12:00-13:30=0,18:00-20:00=7'), [
      { fromMinute: 1_320, toMinute: 360, bytesPerSecond: 2_000_000 },
      { fromMinute: 720, toMinute: 810, bytesPerSecond: 0 },
      { fromMinute: 1_080, toMinute: 1_200, bytesPerSecond: 7 },
    ]);
    assert.deepEqual(parseRateSchedule('20:00-24:00=1'), [{ fromMinute: 1_200, toMinute: 0, bytesPerSecond: 1 }]);
    assert.deepEqual(parseRateSchedule(''), []);
  });

  for (const [text, fault] of [
    ['22:00-06:00', /expected windows such as/],
    ['22-06=5', /expected windows such as/],
    ['22:00-06:00=-1', /expected windows such as/],
    ['25:00-06:00=1', /no time of the day/],
    ['22:00-24:01=1', /no time of the day/],
    ['10:00-10:00=1', /begins when it ends/],
    ['22:00-06:00=1,05:59-07:00=2', /05:59-07:00=2 overlaps/],
    ['10:00-11:00=20000000000', /more than 10000000000/],
    [Array.from({ length: 25 }, (_, i) => `00:${10 + i}-00:${11 + i}=1`).join(), /more than 24 windows/],
  ] as const)
    it(`refuses ${text.slice(0, 40)}`, () => {
      const result = parseRateSchedule(text);
      assert.match(typeof result === 'string' ? result : 'it was taken', fault);
    });
});
