import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../../common/lifecycle.ts';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';
import { BROKER_OF } from '../../rig/two-clusters.ts';

const AWAY_MS = 2_000;

describe('replicator and a broker that goes', function () {
  this.timeout(240_000);
  const on = copyPerTest();

  /** Of partition 0, as the broker of the edge has recorded them. */
  function epochsOf(topic: string): number {
    const file = join(on.at.partitionFolder('edge', topic, 0), 'leader-epoch-checkpoint');
    return Number(readFileSync(file, 'utf8').split('\n')[1]);
  }

  for (const side of ['cloud', 'edge'] as const) {
    for (const fault of ['stop', 'kill'] as const) {
      it(`waits for the ${side} (${fault}) and goes on without loss or double`, async () => {
        const { copy, at } = on;
        const topic = copy.topic('observations');
        await copy.create(topic);
        const replicator = await copy.startReady();
        const load = copy.load(topic);
        const aborting = copy.load(topic, { transactional: 'yes', abortPercent: 30, producers: 3, seed: 2 });
        await eventually(
          'copying',
          async () => (await replicator.metric('zeelos_replicator_records_total', { topic })) > 200,
        );
        await at.stack[fault](BROKER_OF[side]);
        const before = (await load.written()).committed;
        await sleep(AWAY_MS);
        if (side === 'cloud') {
          const lag = () => replicator.metric('zeelos_replicator_lag_records', { topic });
          await eventually('the lag is seen', async () => (await lag()) > 500);
        }
        await at.stack.start(BROKER_OF[side]);
        await eventually('the load goes on', async () => (await load.written()).committed > before + 500, 60_000);
        await eventually('the other goes on', async () => (await aborting.written()).committed > 500, 60_000);
        await copy.stopLoads();
        await copy.untilCopied({ topic });
        assert.ok(replicator.isRunning);
        assert.equal(await replicator.metric('zeelos_replicator_gap_records_total'), 0);
        if (side === 'edge') assert.ok(epochsOf(topic) > 1, 'the leader epoch has not changed');
        await copy.settle({ topic });
      });
    }
  }
});
