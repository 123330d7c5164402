import assert from 'node:assert/strict';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';

describe('two replicators of one gateway', function () {
  this.timeout(240_000);
  const on = copyPerTest();

  it('ends the older one, which says why, and loses and doubles nothing', async () => {
    const { copy } = on;
    const topic = copy.topic('observations');
    await copy.create(topic);
    const older = await copy.startReady();
    copy.load(topic);
    await eventually('copying', async () => (await older.metric('zeelos_replicator_records_total', { topic })) > 200);
    const newer = await copy.start();
    const how = await older.ended;
    assert.ok(typeof how === 'number' && how !== 0, `it ended with ${how}`);
    assert.match(older.said, /REPLICATOR_FENCED/);
    await eventually(
      'the newer one copies',
      async () => (await newer.metric('zeelos_replicator_records_total', { topic })) > 500,
    );
    assert.ok(newer.isRunning);
    await copy.settle({ topic });
  });
});
