import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Deadlined, Deadlines } from '../../../../lwm2m-server/queue-mode/deadlines.ts';

function item(expiresAtMs: number): Deadlined {
  return { expiresAtMs, deadlineIndex: -1 };
}

describe('lwm2m-server/queue-mode/deadlines', () => {
  it('gives out the earliest once its time has come', () => {
    const deadlines = new Deadlines<Deadlined>();
    const [late, early] = [item(20), item(10)];
    deadlines.add(late);
    deadlines.add(early);
    deadlines.add(early);
    assert.equal(deadlines.size, 2);
    assert.equal(deadlines.nextMs, 10);
    assert.equal(deadlines.takeDue(9), undefined);
    assert.equal(deadlines.takeDue(10), early);
    assert.equal(deadlines.takeDue(19), undefined);
    deadlines.delete(early);
    deadlines.delete(late);
    assert.equal(deadlines.size, 0);
    assert.equal(deadlines.nextMs, undefined);
  });

  it('keeps the order whatever is added and taken out', () => {
    const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 });
    fc.assert(
      fc.property(times, fc.infiniteStream(fc.boolean()), (all, drops) => {
        const deadlines = new Deadlines<Deadlined>();
        const items = all.map(item);
        for (const one of items) deadlines.add(one);
        const left = items.filter((one) => {
          const drop = drops.next().value === true;
          if (drop) deadlines.delete(one);
          return !drop;
        });
        const taken: number[] = [];
        for (let next = deadlines.takeDue(50); next !== undefined; next = deadlines.takeDue(50)) {
          taken.push(next.expiresAtMs);
        }
        assert.deepEqual(
          taken,
          left.map(({ expiresAtMs }) => expiresAtMs).sort((one, other) => one - other),
        );
      }),
    );
  });
});
