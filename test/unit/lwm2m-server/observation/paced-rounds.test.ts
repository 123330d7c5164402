import assert from 'node:assert/strict';
import { PacedRounds } from '../../../../lwm2m-server/observation/paced-rounds.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('lwm2m-server/observation/paced-rounds', () => {
  const started: string[] = [];
  let ends: (() => void)[] = [];
  const run = async (id: string) => {
    started.push(id);
    await new Promise<void>((resolve) => ends.push(resolve));
  };
  beforeEach(() => {
    started.length = 0;
    ends = [];
  });

  it('runs so many at once, the others in their order, none twice', async () => {
    const rounds = new PacedRounds(2, run);
    for (const id of ['a', 'b', 'c', 'd', 'c']) rounds.add(id);
    assert.deepEqual([started, rounds.waiting], [['a', 'b'], 2]);
    ends[0]!();
    await turn();
    assert.deepEqual(started, ['a', 'b', 'c']);
    for (const end of ends) end();
    await turn();
    assert.deepEqual([started, rounds.waiting], [['a', 'b', 'c', 'd'], 0]);
  });

  it('runs few of one lane at once, so that it does not hold up the others, and all of them in the end', async () => {
    const rounds = new PacedRounds(20, run, (id) => (id.startsWith('child') ? 'gateway' : undefined));
    const children = Array.from({ length: 30 }, (_, n) => `child${n}`);
    for (const id of [...children, 'alone', 'child29']) rounds.add(id);
    assert.deepEqual([started.length, started.at(-1), rounds.waiting], [9, 'alone', 22]);
    while (ends.length > 0) {
      ends.shift()!();
      await turn();
    }
    assert.deepEqual(started.filter((id) => id !== 'alone').sort(), children.toSorted());
    assert.equal(rounds.waiting, 0);
  });
});
