import assert from 'node:assert/strict';
import { type Round, RoundQueue } from '../../../../replicator/copy/round-queue.ts';

const round = (bytes: number): Round => ({ lists: [], advances: [], bytes, memory: undefined, unanswered: 1 });

describe('replicator/copy/round-queue', () => {
  it('gives rounds in the order in which they came', async () => {
    const queue = new RoundQueue();
    queue.push(round(1));
    queue.push(round(2));
    assert.equal(queue.isEmpty, false);
    assert.deepEqual([(await queue.take(undefined))?.bytes, (await queue.take(0))?.bytes], [1, 2]);
    assert.equal(queue.isEmpty, true);
  });

  it('waits for the next one', async () => {
    const queue = new RoundQueue();
    const taken = queue.take(undefined);
    queue.push(round(3));
    assert.equal((await taken)?.bytes, 3);
  });

  it('gives nothing when the time is over, or when it is woken', async () => {
    const queue = new RoundQueue();
    assert.equal(await queue.take(0), undefined);
    assert.equal(await queue.take(1), undefined);
    const taken = queue.take(undefined);
    queue.wake();
    assert.equal(await taken, undefined);
  });
});
