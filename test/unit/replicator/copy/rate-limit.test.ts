import assert from 'node:assert/strict';
import { RateLimit, type RateWindow } from '../../../../replicator/copy/rate-limit.ts';

/** A limit whose clocks are moved by hand. */
function limitOf(bytesPerSecond: number | undefined, windows: readonly RateWindow[] = []) {
  const clock = { ms: 0, day: new Date(2026, 0, 5, 12, 0) };
  const limit = new RateLimit(
    bytesPerSecond,
    windows,
    () => clock.ms,
    () => clock.day,
  );
  return { clock, limit };
}

/** Whether it lets through at once; an aborted signal ends a wait. */
async function isPaid(limit: RateLimit): Promise<boolean> {
  const ending = new AbortController();
  let isOver = false;
  const waiting = limit.untilPaid(ending.signal).then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  const paid = isOver;
  ending.abort();
  await waiting;
  return paid;
}

describe('replicator/copy/rate-limit', () => {
  it('lets everything through where there is none', async () => {
    const { limit } = limitOf(undefined);
    limit.spend(1e12);
    assert.equal(await isPaid(limit), true);
  });

  it('holds back until what was spent is paid for, and counts a quarter of a quiet second', async () => {
    const { limit, clock } = limitOf(1_000);
    limit.spend(1_250);
    assert.equal(await isPaid(limit), false);
    clock.ms = 999;
    assert.equal(await isPaid(limit), false);
    clock.ms = 1_000;
    assert.equal(await isPaid(limit), true);
    clock.ms = 60_000;
    limit.spend(251);
    assert.equal(await isPaid(limit), false);
    clock.ms = 60_001;
    assert.equal(await isPaid(limit), true);
  });

  it('keeps the rate over many small pieces', async () => {
    const { limit, clock } = limitOf(10_000);
    let sent = 0;
    for (; clock.ms < 10_000; clock.ms += 10) {
      if (!(await isPaid(limit))) continue;
      limit.spend(300);
      sent += 300;
    }
    assert.ok(sent >= 100_000 && sent <= 103_000, `${sent} bytes in ten seconds of 10,000`);
  });

  it('lets a debt be paid at the rate that holds now', async () => {
    const { limit, clock } = limitOf(10, [{ fromMinute: 780, toMinute: 840, bytesPerSecond: 1_000_000 }]);
    limit.spend(1_000_000);
    clock.ms = 1_000;
    assert.equal(await isPaid(limit), false);
    clock.day = new Date(2026, 0, 5, 13, 0);
    clock.ms = 2_000;
    assert.equal(await isPaid(limit), true);
  });

  it('follows the windows of the day, also past midnight, and a rate of 0 lets nothing through', async () => {
    const { limit, clock } = limitOf(5, [
      { fromMinute: 22 * 60, toMinute: 6 * 60, bytesPerSecond: 7 },
      { fromMinute: 12 * 60, toMinute: 13 * 60, bytesPerSecond: 0 },
    ]);
    const at = (hour: number, minute: number) => {
      clock.day = new Date(2026, 0, 5, hour, minute);
      return limit.bytesPerSecond;
    };
    assert.deepEqual(
      [at(11, 59), at(12, 0), at(12, 59), at(13, 0), at(21, 59), at(22, 0), at(0, 0), at(5, 59), at(6, 0)],
      [5, 0, 0, 5, 5, 7, 7, 7, 5],
    );
    at(12, 30);
    assert.equal(await isPaid(limit), false);
    limit.spend(1e9);
    at(13, 0);
    assert.equal(await isPaid(limit), true);
  });

  it('waits no longer than it is told to', async () => {
    const { limit } = limitOf(0);
    await limit.untilPaid(new AbortController().signal, 0);
    await limit.untilPaid(new AbortController().signal, -5);
    assert.equal(await isPaid(limit), false);
  });

  it('forgets debts when it is set, and what it is set to holds outside the windows', async () => {
    const { limit } = limitOf(1, [{ fromMinute: 0, toMinute: 1, bytesPerSecond: 3 }]);
    limit.spend(1e9);
    limit.set(2);
    assert.deepEqual([limit.bytesPerSecond, limit.standing], [2, 2]);
    assert.equal(await isPaid(limit), true);
    limit.set(undefined);
    assert.equal(limit.bytesPerSecond, undefined);
  });
});
