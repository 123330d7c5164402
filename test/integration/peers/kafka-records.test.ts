import assert from 'node:assert/strict';
import { connectKafka } from '../../../common/kafka/client.ts';
import { createLog } from '../../../common/log.ts';
import { ANY_TIME, GatewayCopy } from '../../rig/gateway-copy.ts';
import { assertSameRecords, recordsIn } from '../../rig/same-records.ts';
import { type TwoClusters, useTwoClusters } from '../../rig/two-clusters.ts';

/** The judge of the replicator's tests must see every difference, and nothing where there is none. */
describe("Kafka's own client as judge", function () {
  this.timeout(120_000);
  let at: TwoClusters;
  let eyes: GatewayCopy;

  before(async function () {
    this.timeout(300_000);
    at = await useTwoClusters();
    eyes = new GatewayCopy(at);
  });

  async function topicWith(partitions: number, name: string): Promise<{ brokers: string; topic: string }> {
    const place = { brokers: at.brokers.edge, topic: `judge.${eyes.gatewayId}.${name}` };
    await at.records.create(place, partitions, ANY_TIME);
    return place;
  }

  it('tells absent from empty, in key, value and header, and one split of the same bytes from another', async () => {
    const { topic, brokers } = await topicWith(1, 'parts');
    const kafka = connectKafka({ brokers: [brokers], clientId: 'test' }, createLog('test', 'silent'));
    const producer = kafka.producer({ idempotent: true });
    const [none, empty, a, b, ab] = [null, '', 'a', 'b', 'ab'].map((text) =>
      text === null ? null : Buffer.from(text),
    );
    const name = Buffer.from('h');
    const messages = [
      { key: a, value: none },
      { key: a, value: empty },
      { key: none, value: a },
      { key: empty, value: a },
      { key: ab, value: empty },
      { key: a, value: b },
      { key: a, value: b, headerList: [{ key: name, value: none }] },
      { key: a, value: b, headerList: [{ key: name, value: empty }] },
      { key: a, value: b, headerList: [{ key: empty!, value: name }] },
      { key: a, value: b, headerList: [name, name].map((key) => ({ key, value: empty })) },
    ];
    try {
      await producer.connect();
      const timed = messages.map((message) => ({ ...message, timestamp: '1700000000000' }));
      await producer.send({ topic, acks: -1, messages: [...timed, timed[0]!] as never });
    } finally {
      await producer.disconnect();
    }
    const records = (await eyes.dump('edge', topic)).get(0)!;
    const hashes = records.map(({ hash }) => hash);
    assert.equal(new Set(hashes).size, messages.length);
    assert.equal(hashes.at(-1), hashes[0]);
    assert.deepEqual(new Set(records.map(({ timestamp }) => timestamp)), new Set(['1700000000000']));
  });

  it('writes the same records for the same seed and others for another', async () => {
    const places = [await topicWith(2, 'one'), await topicWith(2, 'two'), await topicWith(2, 'three')];
    for (const [i, place] of places.entries()) {
      const load = {
        count: 1_000,
        partitions: 2,
        maxBytes: 100_000,
        firstTime: 1_700_000_000_000,
        seed: i === 2 ? 8 : 7,
      };
      await at.records.produce({ ...place, ...load, compression: i === 1 ? 'lz4' : 'none' });
    }
    const [one, two, three] = await Promise.all(places.map(({ topic }) => eyes.dump('edge', topic)));
    assert.deepEqual(assertSameRecords({ source: one!, target: two! }), { records: 1_000, missing: 0, repeated: 0 });
    assert.throws(() => assertSameRecords({ source: one!, target: three! }));
  });

  it('sees what was committed and nothing that was aborted, whoever wrote in between', async () => {
    const place = await topicWith(2, 'aborted');
    const several = { producers: 4, transactional: 'yes', abortPercent: 50, transactionRecords: 20 } as const;
    const written = await at.records.produce({ ...place, ...several, count: 2_000, partitions: 2 });
    assert.equal(written.committed + written.aborted, 2_000);
    assert.ok(written.aborted > 400, `${written.aborted} were aborted`);
    assert.equal(recordsIn(await eyes.dump('edge', place.topic)), written.committed);
    const spans = await at.records.ranges(place);
    assert.ok(spans.reduce((sum, { next }) => sum + next, 0) > 2_000, 'there are no markers');
  });
});
