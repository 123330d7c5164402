import assert from 'node:assert/strict';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';
import type { GatewayCopy } from '../../rig/gateway-copy.ts';
import { type Dump, history } from '../../rig/same-records.ts';

/** The least that Kafka takes (KIP-1030). */
const SMALL_SEGMENTS = { 'segment.bytes': String(2 ** 20) };

describe('replicator and retention', function () {
  this.timeout(240_000);
  const on = copyPerTest();

  interface Passed {
    readonly topic: string;
    /** Everything that was ever there. */
    readonly source: Dump;
    /** First source offset that was not copied, and first that is left. */
    readonly from: number;
    readonly to: number;
  }

  /** A topic of which the first records are copied and the following are gone before they could be. */
  async function passed(copy: GatewayCopy): Promise<Passed> {
    const { at } = copy;
    const topic = copy.topic('observations');
    const place = { brokers: at.brokers.edge, topic };
    await copy.create(topic, { partitions: 1, settings: SMALL_SEGMENTS });
    await at.records.produce({ ...place, count: 500 });
    const replicator = await copy.startReady();
    await copy.untilCopied({ topic });
    await replicator.stop();
    const from = (await at.records.ranges(place))[0]!.next;
    await at.records.produce({ ...place, count: 6_000, seed: 2, maxBytes: 20_000, batchBytes: 100_000 });
    const source = history(await copy.dump('edge', topic));
    await at.records.set(place, { 'retention.bytes': String(2 ** 20) });
    const to = await eventually('retention has passed', async () => {
      const { first } = (await at.records.ranges(place))[0]!;
      return first > from && first;
    });
    return { topic, source, from, to };
  }

  it('reports to the record what was gone before it was copied, and goes on behind it', async () => {
    const { copy } = on;
    const { topic, source, from, to } = await passed(copy);
    const replicator = await copy.start();
    await copy.untilCopied({ topic, source, gaps: [{ partition: 0, from, to }] });
    assert.equal(await replicator.metric('zeelos_replicator_gap_records_total', { topic }), to - from);
    const events = await copy.events(topic);
    assert.deepEqual(
      events.map(({ kind, partition, from, to, records }) => ({ kind, partition, from, to, records })),
      [{ kind: 'GAP', partition: 0, from, to, records: to - from }],
    );
    const [found] = await copy.settle({ topic, source, gaps: events });
    assert.equal(found!.missing, to - from);
  });

  it('stops before the gap when it is told to, lets other topics go on, and goes on when it is told so', async () => {
    const { copy, at } = on;
    const { topic, source, from, to } = await passed(copy);
    const other = copy.topic('replies');
    const stopping = await copy.start({ 'on-gap': 'stop' });
    await at.records.produce({ brokers: at.brokers.edge, topic: other, count: 100 });
    await copy.untilCopied({ topic: other });
    await eventually('the stop is reported', async () =>
      (await copy.events(topic)).some(({ kind }) => kind === 'STOPPED'),
    );
    await eventually('it is not ready', async () => !(await stopping.isReady()));
    assert.equal(
      (await copy.dump('cloud', topic)).get(0)!.length,
      source.get(0)!.filter(({ offset }) => offset < from).length,
    );
    await stopping.stop();
    await copy.start({ 'on-gap': 'continue' });
    const [found] = await copy.settle({ topic, source, gaps: [{ partition: 0, from, to }] });
    assert.equal(found!.missing, to - from);
    const gap = (await copy.events(topic)).find(({ kind }) => kind === 'GAP');
    assert.deepEqual([gap?.from, gap?.to], [from, to]);
  });
});
