import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKafka } from '../../../common/kafka/client.ts';
import { ensureTopics } from '../../../common/kafka/topics.ts';
import { createLog } from '../../../common/log.ts';
import { edgeTopics } from '../../../lwm2m-server/edge-topics.ts';
import { freePorts, startStack } from '../../../stack/stack.ts';

const log = createLog('test', 'warn');

/** ConfigResource.Type of the Kafka protocol. */
const TOPIC_RESOURCE = 2;

describe('a stack whose ACKs survive a power failure', function () {
  this.timeout(120_000);

  it('flushes every batch of every topic of a gateway before it is answered', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'zeelos-test-'));
    const ports = await freePorts();
    const stack = await startStack({
      ...{ dataDir, ports, log, servers: ['kafka-edge'], edgeDurability: 'power' },
      onProgress: () => undefined,
    });
    try {
      await stack.ready('kafka-edge');
      const kafka = connectKafka({ brokers: [`127.0.0.1:${ports.kafkaEdge}`], clientId: 'test' }, log);
      const topics = edgeTopics('gw1');
      await ensureTopics(kafka, topics);
      const admin = kafka.admin();
      await admin.connect();
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: topics.map(({ topic }) => ({
          ...{ type: TOPIC_RESOURCE, name: topic, configNames: ['flush.messages'] },
        })),
      });
      await admin.disconnect();
      const values = resources.map(({ configEntries }) => configEntries[0]!.configValue);
      assert.deepEqual(values, Array(topics.length).fill('1'));
    } finally {
      await stack.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
