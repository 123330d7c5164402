import assert from 'node:assert/strict';
import type { ConsumedBatch, ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { untilDone } from '../../../common/lifecycle.ts';
import { DeadLetters } from '../../../connectors/dead-letters.ts';
import { type Letter, replay } from '../../../connectors/replay.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, quiet } from './cloud.ts';

describe('replay of dead letters', function () {
  this.timeout(120_000);

  it('sends the chosen ones back with their place, once, and leaves the others for another call', async () => {
    const stack = await useStack('kafka-cloud');
    const cloud = new CloudUnderTest(stack, `replay${process.pid}`);
    await cloud.makeTopics();
    const topic = cloud.topic('observations');
    const deadLetters = new DeadLetters(cloud.kafka, quiet, { connector: 'one' });
    const { signal } = new AbortController();
    const source = (offset: number) =>
      ({
        key: Buffer.from('k'),
        value: Buffer.from(`v${offset}`),
        offset: `${offset}`,
        timestamp: '1',
        headers: { own: 'h' },
      }) as unknown as ConsumedRecord;
    const poison = [0, 1, 2].map((offset) => ({
      source: source(offset),
      code: offset === 1 ? ('AVRO_FRAME' as const) : ('SINK_REFUSED' as const),
      message: 'no',
    }));
    // As the runner does it: a topic that was made a moment ago may not be known yet.
    const bury = () => deadLetters.bury({ topic, partition: 1 } as ConsumedBatch, poison, signal);
    await untilDone('burying', { signal, log: quiet }, bury);
    await deadLetters.close();
    const run = async (o: { code?: string; dryRun?: boolean; limit?: number }) => {
      const letters: Letter[] = [];
      const onLetter = (letter: Letter) => void letters.push(letter);
      const options = { kafka: cloud.kafka, topic: `${topic}.dlq`, dryRun: false, ...o, onLetter, signal, log: quiet };
      const count = await replay(options);
      return [letters.map(({ offset }) => offset).join(), count.replayed, count.passed];
    };
    assert.deepEqual(await run({ dryRun: true }), ['0,1,2', 3, 0]);
    assert.deepEqual(await run({ code: 'SINK_REFUSED', limit: 1 }), ['0', 1, 0]);
    assert.deepEqual(await run({ code: 'SINK_REFUSED' }), ['2', 1, 1]);
    assert.deepEqual(await run({ code: 'SINK_REFUSED' }), ['', 0, 0]);
    assert.deepEqual(await run({ code: 'AVRO_FRAME' }), ['1', 1, 2]);
    const back: string[] = [];
    const onRecord = ({ value, headers }: ConsumedRecord) => {
      const { 'zeelos.replay.partition': partition, 'zeelos.replay.offset': offset, own } = headers ?? {};
      back.push(`${value} ${own} ${partition}/${offset} ${headers?.['zeelos.dlq.code']}`);
    };
    await readTopic({ kafka: cloud.kafka, topic, onRecord, signal, log: quiet });
    assert.deepEqual(back.sort(), ['v0 h 1/0 undefined', 'v1 h 1/1 undefined', 'v2 h 1/2 undefined']);
    await cloud.close();
  });
});
