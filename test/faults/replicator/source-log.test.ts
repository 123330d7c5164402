import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { inTurn, only } from '../../rig/same-records.ts';

/** Each write of these is a segment: its times are a minute behind those of the one before. */
const SEGMENT_A_WRITE = { 'segment.ms': '10000' };
const RECORDS = 300;

describe('replicator and a source whose log is another', function () {
  this.timeout(240_000);
  const on = copyPerTest();

  for (const running of [true, false]) {
    const when = running ? 'under its eyes' : 'while it is away';
    it(`begins anew in a topic that was deleted and made again ${when}`, async () => {
      const { copy, at } = on;
      const topic = copy.topic('observations');
      const place = { brokers: at.brokers.edge, topic };
      await copy.create(topic, { partitions: 1 });
      await at.records.produce({ ...place, count: RECORDS });
      const first = await copy.startReady();
      await copy.untilCopied({ topic });
      const before = await copy.dump('edge', topic);
      if (!running) await first.stop();
      await at.records.remove(place);
      await copy.create(topic, { partitions: 1 });
      // More than before: the old position is inside the new log too.
      await at.records.produce({ ...place, count: 3 * RECORDS, seed: 2 });
      if (!running) await copy.start();
      const source = inTurn(before, await copy.dump('edge', topic));
      await copy.untilCopied({ topic, source });
      assert.deepEqual(
        (await copy.events(topic)).map(({ kind, partition }) => [kind, partition]),
        [['RECREATED', 0]],
      );
      await copy.settle({ topic, source });
    });
  }

  for (const [after, what] of [
    [RECORDS / 2, 'the position is past its end'],
    [3 * RECORDS, 'it has grown past the position with other records'],
  ] as const) {
    it(`copies what was written to a truncated log, when ${what}`, async () => {
      const { copy, at } = on;
      const topic = copy.topic('observations');
      const place = { brokers: at.brokers.edge, topic };
      await copy.create(topic, { partitions: 1, settings: SEGMENT_A_WRITE });
      const firstTime = Date.now();
      for (const write of [0, 1, 2])
        await at.records.produce({
          ...place,
          count: RECORDS,
          seed: write,
          times: 'even',
          firstTime: firstTime + write * 60_000,
        });
      await copy.startReady();
      await copy.untilCopied({ topic });
      const before = await copy.dump('edge', topic);
      await at.stack.stop('kafka-edge');
      const end = removeLastSegment(at.partitionFolder('edge', topic, 0));
      await at.stack.start('kafka-edge');
      assert.equal((await at.records.ranges(place))[0]!.next, end);
      await at.records.produce({ ...place, count: after, seed: 9, times: 'even', firstTime: firstTime + 240_000 });
      const since = only(await copy.dump('edge', topic), (offset) => offset >= end);
      const source = inTurn(before, since);
      await copy.untilCopied({ topic, source });
      // From where the copy was to where it goes on: what lies between is in the copy only.
      assert.deepEqual(
        (await copy.events(topic)).map(({ kind, partition, from, to, records }) => [
          kind,
          partition,
          from,
          to,
          records,
        ]),
        [['TRUNCATED', 0, 3 * RECORDS, end, 3 * RECORDS - end]],
      );
      await copy.settle({ topic, source });
    });
  }
});

/** As after a disk that lost what it had promised. Returns the offset at which the log now ends. */
function removeLastSegment(folder: string): number {
  const logs = readdirSync(folder).filter((file) => file.endsWith('.log'));
  assert.ok(logs.length >= 3, `there are ${logs.length} segments`);
  const end = Number(logs.sort().at(-1)!.slice(0, -'.log'.length));
  for (const file of readdirSync(folder))
    if (/^\d+\./.test(file) && Number(file.split('.')[0]) >= end) rmSync(join(folder, file));
  return end;
}
