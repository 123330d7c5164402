import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';

describe('replicator and a full disk at the target', function () {
  this.timeout(240_000);
  const on = copyPerTest();

  function longestLog(folder: string): number {
    const logs = readdirSync(folder).filter((file) => file.endsWith('.log'));
    return Math.max(...logs.map((file) => statSync(join(folder, file)).size));
  }

  it('waits for room and loses and doubles nothing', async () => {
    const { copy, at } = on;
    const topic = copy.topic('observations');
    await copy.create(topic);
    const replicator = await copy.startReady();
    const load = copy.load(topic);
    await eventually(
      'copying',
      async () => (await replicator.metric('zeelos_replicator_records_total', { topic })) > 500,
    );
    // Without a file system of its own: the kernel refuses every write behind this place in any file of the broker, and to the
    // broker that is a failing disk. It ends.
    const limit = longestLog(at.partitionFolder('cloud', topic, 0)) + 16 * 2 ** 10;
    execFileSync('prlimit', ['--pid', String(at.stack.pid('kafka-cloud')), `--fsize=${limit}`]);
    await eventually('the broker has ended', () => at.stack.pid('kafka-cloud') === undefined, 60_000);
    const { committed } = await load.written();
    await eventually('more waits at the edge', async () => (await load.written()).committed > committed + 500);
    assert.ok(replicator.isRunning);
    assert.equal(await replicator.isReady(), false);
    await at.stack.kill('kafka-cloud');
    await at.stack.start('kafka-cloud');
    await copy.stopLoads();
    await copy.untilCopied({ topic });
    assert.ok(replicator.isRunning);
    await copy.settle({ topic });
  });
});
