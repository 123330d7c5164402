import assert from 'node:assert/strict';
import { TimerWheel } from '../../../../lwm2m/coap/timer-wheel.ts';

const run = (fire: () => void): void => fire();

describe('timer wheel', () => {
  it('fires at the first tick at or after the time, never before', () => {
    const wheel = new TimerWheel(10, 1_000);
    const fired: string[] = [];
    wheel.schedule(1_000, 25, () => fired.push('25'));
    wheel.schedule(1_000, 30, () => fired.push('30'));
    wheel.schedule(1_000, 0, () => fired.push('0'));
    wheel.advance(1_009, run);
    assert.deepEqual(fired, []);
    wheel.advance(1_029, run);
    assert.deepEqual(fired, ['0']);
    wheel.advance(1_030, run);
    assert.deepEqual(fired.sort(), ['0', '25', '30']);
  });

  it('keeps what lies more than one turn away, also after a long pause', () => {
    const wheel = new TimerWheel(1, 0);
    let fired = 0;
    wheel.schedule(0, 2_000, () => fired++);
    for (let now = 0; now < 2_000; now++) wheel.advance(now, run);
    assert.equal(fired, 0);
    wheel.advance(2_000, run);
    assert.equal(fired, 1);
    wheel.schedule(2_000, 700, () => fired++);
    wheel.schedule(2_000, 5, () => fired++);
    wheel.advance(50_000, run);
    assert.equal(fired, 3);
  });

  it('does not fire what was cancelled, also from another timer of the same tick', () => {
    const wheel = new TimerWheel(1, 0);
    const fired: number[] = [];
    const timers = [1, 2].map((n) =>
      wheel.schedule(0, 5, () => {
        fired.push(n);
        for (const timer of timers) wheel.cancel(timer);
      }),
    );
    wheel.cancel(undefined);
    wheel.advance(10, run);
    assert.deepEqual(fired, [1]);
  });

  it('fires a timer that was set by another in a later tick', () => {
    const wheel = new TimerWheel(1, 0);
    let fired = 0;
    wheel.schedule(0, 1, () => wheel.schedule(1, 0, () => fired++));
    wheel.advance(1, run);
    assert.equal(fired, 0);
    wheel.advance(2, run);
    assert.equal(fired, 1);
  });
});
