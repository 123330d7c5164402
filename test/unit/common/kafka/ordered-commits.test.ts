import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { OrderedCommits, type PartitionOffset } from '../../../../common/kafka/ordered-commits.ts';
import { createLog } from '../../../../common/log.ts';

const at = (partition: number, offset: number): PartitionOffset => ({ topic: 't', partition, offset: String(offset) });

function setUp() {
  const sent: string[][] = [];
  const failures: Error[] = [];
  let answers: Promise<void> = Promise.resolve();
  const stopping = new AbortController();
  let committed = 0;
  const commits = new OrderedCommits({
    commit: async (offsets) => {
      sent.push(offsets.map(({ partition, offset }) => `${partition}:${offset}`));
      await answers;
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
    },
    onCommitted: () => void committed++,
    signal: stopping.signal,
    log: createLog('test', 'silent'),
  });
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answers = promise;
    return () => {
      answers = Promise.resolve();
      resolve();
    };
  };
  return { commits, sent, failures, stopping, hold, committed: () => committed };
}

describe('ordered commits', () => {
  it('wait for what stands before them in their partition, and for no other partition', async () => {
    const { commits, sent } = setUp();
    const first = Promise.withResolvers<void>();
    const adding = [commits.add(at(0, 10), first.promise), commits.add(at(0, 20), Promise.resolve())];
    await commits.add(at(1, 5), Promise.resolve());
    await turn();
    assert.deepEqual(sent, [['1:5']]);
    first.resolve();
    await Promise.all(adding);
    await turn();
    assert.equal(sent.flat().at(-1), '0:20');
    assert.ok(!sent.flat().includes('0:10') || sent.flat().indexOf('0:10') < sent.flat().indexOf('0:20'));
  });

  it('gather while one is on its way, of each partition the last', async () => {
    const { commits, sent, hold, committed } = setUp();
    const answer = hold();
    await commits.add(at(0, 1), Promise.resolve());
    for (const offset of [2, 3]) await commits.add(at(0, offset), Promise.resolve());
    await commits.add(at(1, 9), Promise.resolve());
    assert.deepEqual(sent, [['0:1']]);
    answer();
    await turn();
    await turn();
    assert.deepEqual(sent, [['0:1'], ['0:3', '1:9']]);
    assert.equal(committed(), 2);
  });

  it('are tried again when they fail', async () => {
    const { commits, sent, failures, committed } = setUp();
    failures.push(new Error('the coordinator moves'));
    await commits.add(at(0, 1), Promise.resolve());
    while (committed() === 0) await turn();
    assert.deepEqual(sent, [['0:1'], ['0:1']]);
  });

  it('never pass what failed', async () => {
    const { commits, sent } = setUp();
    const failed = commits.add(at(0, 10), Promise.reject(new Error('not stored')));
    const behind = commits.add(at(0, 20), Promise.resolve());
    await assert.rejects(failed, /not stored/);
    await assert.rejects(behind, /not stored/);
    await turn();
    assert.deepEqual(sent, []);
  });

  it('end with the membership', async () => {
    const { commits, sent, stopping, failures } = setUp();
    failures.push(new Error('gone'));
    await commits.add(at(0, 1), Promise.resolve());
    stopping.abort();
    await commits.add(at(0, 2), Promise.resolve());
    await turn();
    await turn();
    assert.deepEqual(sent, [['0:1']]);
  });
});
