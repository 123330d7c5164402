import assert from 'node:assert/strict';
import { ByteBudget } from '../../../../replicator/copy/byte-budget.ts';

/** What has gone in so far, in order. */
function arrivals(budget: ByteBudget, ...names: readonly string[]): string[] {
  const inside: string[] = [];
  for (const name of names) void budget.room().then(() => inside.push(name));
  return inside;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('replicator/copy/byte-budget', () => {
  it('lets in while there is room, also one that is larger than all', async () => {
    const budget = new ByteBudget(10);
    const inside = arrivals(budget, 'a');
    await turn();
    budget.take(1_000);
    assert.deepEqual([inside, budget.used, budget.hasRoom], [['a'], 1_000, false]);
  });

  it('wakes who waits once there is room again, and not before', async () => {
    const budget = new ByteBudget(10);
    budget.take(12);
    const inside = arrivals(budget, 'a', 'b');
    budget.give(2);
    await turn();
    assert.deepEqual(inside, []);
    budget.give(1);
    await turn();
    assert.deepEqual(inside, ['a', 'b']);
    budget.give(9);
    assert.equal(budget.used, 0);
  });

  it('lets nobody wait any more at its end, neither who waits nor who comes later', async () => {
    const budget = new ByteBudget(1);
    budget.take(5);
    const before = arrivals(budget, 'a');
    budget.end();
    const after = arrivals(budget, 'b');
    await turn();
    assert.deepEqual([before, after], [['a'], ['b']]);
  });
});
