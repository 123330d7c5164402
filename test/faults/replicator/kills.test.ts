import assert from 'node:assert/strict';
import { sleep } from '../../../common/lifecycle.ts';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';
import type { GatewayCopy } from '../../rig/gateway-copy.ts';

/** The long run sets 100. */
const KILLS = Number(process.env.ZEELOS_KILLS ?? 10);
const LONGEST_LIFE_MS = 1_200;

describe('replicator, killed', function () {
  this.timeout(120_000 + KILLS * 20_000);
  const on = copyPerTest();

  async function kill(copy: GatewayCopy, n: number, flags = {}): Promise<void> {
    const replicator = await copy.start(flags);
    // Every third dies at whatever point of its start; the others while they copy.
    if (n % 3 < 2) {
      const copied = () => replicator.metric('zeelos_replicator_records_total');
      await eventually('copying', async () => (await copied()) > 0, 60_000);
    }
    await sleep(Math.random() * LONGEST_LIFE_MS);
    assert.ok(replicator.isRunning, `it ended by itself: ${await Promise.race([replicator.ended, replicator.said])}`);
    await replicator.kill();
  }

  it(`loses and doubles nothing in ${KILLS} kills at random moments under load, on any lane`, async () => {
    const { copy } = on;
    const [bulk, urgent, down] = [copy.topic('observations'), copy.topic('replies'), copy.topic('requests')];
    await copy.create(bulk);
    await copy.create(urgent);
    await copy.create(down, { side: 'cloud', partitions: 1 });
    copy.load(bulk, { perSecond: 600, compression: 'lz4' });
    copy.load(urgent, { perSecond: 200, transactional: 'yes', producers: 3, abortPercent: 30, seed: 2 });
    copy.load(down, { side: 'cloud', partitions: 1, perSecond: 50, compression: 'none', seed: 3 });
    for (let n = 0; n < KILLS; n++) await kill(copy, n);
    await copy.start();
    const found = await copy.settle({ topic: bulk }, { topic: urgent }, { topic: down, target: 'edge' });
    // Each was written to all the while.
    for (const { records } of found) assert.ok(records > 5 * KILLS, `only ${records} records`);
  });

  it('loses nothing and keeps the order in three kills when it delivers at least once', async () => {
    const { copy } = on;
    const topic = copy.topic('observations');
    await copy.create(topic);
    copy.load(topic);
    const flags = { delivery: 'at-least-once' };
    for (let n = 0; n < 3; n++) await kill(copy, 0, flags);
    await copy.start(flags);
    const [found] = await copy.settle({ topic, repeats: 'allowed' });
    // Of each kill at most what was under way comes twice.
    assert.ok(found!.repeated < found!.records, `${found!.repeated} repeats of ${found!.records}`);
  });
});
