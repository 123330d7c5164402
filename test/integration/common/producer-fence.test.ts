import assert from 'node:assert/strict';
import { pino } from 'pino';
import { KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { connectKafka } from '../../../common/kafka/client.ts';
import { CommittingProducer } from '../../../common/kafka/committing-producer.ts';
import { isFenced } from '../../../common/kafka/errors.ts';
import { ProducerFence } from '../../../common/kafka/producer-fence.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { ensureTopics } from '../../../common/kafka/topics.ts';
import { useEdge } from '../../rig/edge.ts';

const log = pino({ level: 'silent' });

describe('common/kafka/producer-fence', () => {
  it('lets the producer write that opened last, also where that one has written nothing yet', async () => {
    const kafka = connectKafka({ brokers: (await useEdge()).kafkaBrokers, clientId: 'test' }, log);
    const topics = [`fence-a-${process.pid}`, `fence-b-${process.pid}`];
    await ensureTopics(
      kafka,
      topics.map((topic) => ({ topic, partitions: 1 })),
    );
    const open = () => {
      const fence = new ProducerFence({ id: `fence-${process.pid}`, topics });
      const ends: string[] = [];
      const producer = new CommittingProducer(new KafkaBatchSender(kafka, log, fence), log);
      producer.onEnded = ({ code }) => ends.push(code);
      const write = async (topic: string, value: string) =>
        await producer.commit({ topic, key: null, value: Buffer.from(value) });
      return { fence, producer, ends, write };
    };
    const [first, second] = [open(), open()];
    try {
      await first.write(topics[0]!, '1');
      await first.write(topics[1]!, '1');
      await first.fence.mark();
      await first.write(topics[0]!, '2');
      await second.write(topics[0]!, '3');
      await assert.rejects(first.fence.mark(), isFenced);
      await assert.rejects(first.write(topics[1]!, 'too late'), { code: 'SHUTTING_DOWN' });
      assert.deepEqual(first.ends, ['SERVER_FENCED']);
      await second.write(topics[1]!, '4');
      assert.deepEqual(second.ends, []);
      const values: string[] = [];
      for (const topic of topics) {
        const signal = new AbortController().signal;
        await readTopic({ kafka, topic, log, signal, onRecord: ({ value }) => void values.push(String(value)) });
      }
      assert.deepEqual(values, ['1', '2', '3', '1', '4']);
    } finally {
      await first.producer.close();
      await second.producer.close();
    }
  });
});
