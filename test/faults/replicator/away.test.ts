import assert from 'node:assert/strict';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';
import { BROKER_OF, type Side } from '../../rig/two-clusters.ts';

describe('replicator started while a side is away', function () {
  this.timeout(240_000);
  const on = copyPerTest();
  const OTHER: Readonly<Record<Side, Side>> = { edge: 'cloud', cloud: 'edge' };

  for (const away of ['cloud', 'edge'] as const) {
    it(`waits for the ${away} without being ready, and copies once it is there`, async () => {
      const { copy, at } = on;
      // What this direction copies comes from the side that is there.
      const topic = copy.topic(away === 'cloud' ? 'observations' : 'requests');
      await copy.create(topic, { side: OTHER[away] });
      await at.stack.stop(BROKER_OF[away]);
      const replicator = await copy.start();
      const load = copy.load(topic, { side: OTHER[away] });
      const before = await load.written();
      await eventually('much waits', async () => (await load.written()).committed > before.committed + 500);
      assert.equal((await replicator.health('/readyz')).status, 503);
      assert.equal((await replicator.health('/healthz')).status, 200);
      await at.stack.start(BROKER_OF[away]);
      await eventually('ready', () => replicator.isReady(), 60_000);
      await copy.stopLoads();
      await copy.untilCopied({ topic, target: away });
      assert.ok(replicator.isRunning);
      await copy.settle({ topic, target: away });
    });
  }
});
