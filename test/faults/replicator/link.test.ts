import assert from 'node:assert/strict';
import { sleep } from '../../../common/lifecycle.ts';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';
import type { ReplicatorProcess } from '../../rig/replicator-process.ts';

describe('replicator and a bad link', function () {
  this.timeout(240_000);
  const on = copyPerTest();

  async function copying(): Promise<{ readonly topics: readonly string[]; readonly replicator: ReplicatorProcess }> {
    const { copy } = on;
    const [up, down] = [copy.topic('observations'), copy.topic('requests')];
    await copy.create(up);
    await copy.create(down, { side: 'cloud', partitions: 1 });
    const replicator = await copy.startReady();
    copy.load(up);
    copy.load(down, { side: 'cloud', partitions: 1, perSecond: 50, seed: 2 });
    for (const topic of [up, down])
      await eventually(
        'copying',
        async () => (await replicator.metric('zeelos_replicator_records_total', { topic })) > 50,
      );
    return { topics: [up, down], replicator };
  }

  async function settle([up, down]: readonly string[], replicator: ReplicatorProcess): Promise<void> {
    const { copy } = on;
    await copy.stopLoads();
    await copy.untilCopied({ topic: up! });
    await copy.untilCopied({ topic: down!, target: 'edge' });
    assert.ok(replicator.isRunning);
    assert.equal(await replicator.metric('zeelos_replicator_gap_records_total'), 0);
    await copy.settle({ topic: up! }, { topic: down!, target: 'edge' });
  }

  it('goes on after every cut', async () => {
    const { topics, replicator } = await copying();
    const { wan } = on.at;
    for (let cut = 0; cut < 3; cut++) {
      wan.cut();
      await sleep(Math.random() * 1_000);
      const { bytes } = wan;
      wan.restore();
      await eventually('bytes flow again', () => wan.bytes.up > bytes.up + 10_000, 60_000);
    }
    await settle(topics, replicator);
  });

  it('notices a link that swallows everything without a word', async () => {
    const { topics, replicator } = await copying();
    const { wan } = on.at;
    wan.blackHole();
    await sleep(2_000);
    // What was connected stays dead: only who opens a new connection comes through.
    const { bytes } = wan;
    wan.restore();
    await eventually('a new connection', () => wan.bytes.up > bytes.up + 10_000, 90_000);
    await settle(topics, replicator);
  });

  it('keeps up over 80 ms with 1 % of the segments lost', async () => {
    const { wan } = on.at;
    wan.behave({ delayMs: 40, lossRate: 0.01 });
    const { topics, replicator } = await copying();
    const { bytes } = wan;
    await eventually('some hundred segments', () => wan.bytes.up > bytes.up + 500_000, 60_000);
    await settle(topics, replicator);
  });
});
