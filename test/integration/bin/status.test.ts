import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TopicState } from '../../../bin/topic-states.ts';
import { connectKafka } from '../../../common/kafka/client.ts';
import { ensureTopics } from '../../../common/kafka/topics.ts';
import { createLog } from '../../../common/log.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import type { Stack } from '../../../stack/stack.ts';
import { eventually } from '../../rig/eventually.ts';
import { ReplicatorProcess } from '../../rig/replicator-process.ts';
import { useStack } from '../../rig/rig.ts';

const COMMAND = fileURLToPath(new URL('../../../bin/zeelos.ts', import.meta.url));
const COMMAND_MS = 60_000;
const quiet = createLog('test', 'silent');

interface Printed {
  readonly services: Readonly<Record<string, string>>;
  readonly topics: Readonly<Record<string, TopicState>>;
  readonly influx: readonly string[] | string;
  readonly graph: object | string;
  readonly connectors: object | string;
}

describe('zeelos status', () => {
  const gatewayId = `status${process.pid}`;
  const topic = (name: keyof typeof TOPICS) => TOPICS[name].nameFor(gatewayId);
  const alarms = `analytics.${gatewayId}.alarms`;
  let stack: Stack;
  let folder: string;
  let brokers: { readonly edge: string; readonly cloud: string };
  let replicator: ReplicatorProcess | undefined;

  before(async function () {
    this.timeout(120_000);
    stack = await useStack('kafka-edge', 'kafka-cloud');
    const { ports } = stack;
    brokers = { edge: `127.0.0.1:${ports.kafkaEdge}`, cloud: `127.0.0.1:${ports.kafkaCloud}` };
    folder = mkdtempSync(join(tmpdir(), 'zeelos-status-'));
  });
  after(async () => {
    await replicator?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The addresses of a system whose stores are away. */
  function systemWith(healthUrl: string | undefined): void {
    const health = { replicator: healthUrl === undefined ? 1 : Number(new URL(healthUrl).port) };
    const nowhere = 'http://127.0.0.1:1';
    const addresses = { gatewayId, edgeBrokers: brokers.edge, cloudBrokers: brokers.cloud, health };
    writeFileSync(
      join(folder, 'addresses.json'),
      JSON.stringify({ ...addresses, influxUrl: nowhere, orientUrl: nowhere, connectUrl: nowhere }),
    );
  }

  function zeelosStatus(...words: readonly string[]): Promise<{ exitCode: number; stdout: string }> {
    const env = { ...process.env, ZEELOS_LOG_LEVEL: 'silent' };
    return new Promise((resolve, reject) => {
      const args = [COMMAND, 'status', '--data-dir', folder, ...words];
      execFile(process.execPath, args, { timeout: COMMAND_MS, env }, (error, stdout) => {
        if (error !== null && typeof error.code !== 'number') return reject(error);
        resolve({ exitCode: error === null ? 0 : Number(error.code), stdout });
      });
    });
  }

  async function printed(): Promise<Printed> {
    return JSON.parse((await zeelosStatus('--json')).stdout) as Printed;
  }

  async function produce(side: 'edge' | 'cloud', to: string, records: number): Promise<void> {
    const kafka = connectKafka({ brokers: [brokers[side]], clientId: 'test' }, quiet);
    await ensureTopics(kafka, [{ topic: to, partitions: 1 }]);
    const producer = kafka.producer();
    await producer.connect();
    const messages = Array.from({ length: records }, (_, at) => ({ key: 'k', value: String(at) }));
    await producer.send({ topic: to, messages });
    await producer.disconnect();
  }

  it('shows what waits at the side that writes a topic, also when nobody copies it', async () => {
    await produce('edge', topic('observations'), 5);
    await produce('cloud', topic('requests'), 2);
    systemWith(undefined);
    const { exitCode, stdout } = await zeelosStatus('--json');
    assert.equal(exitCode, 1);
    const found = JSON.parse(stdout) as Printed;
    assert.deepEqual(found.topics[topic('observations')], { source: 'edge', offsets: 5, waiting: null });
    assert.deepEqual(found.topics[topic('requests')], { source: 'cloud', offsets: 2, waiting: null });
    assert.deepEqual(found.topics[topic('replies')], { source: 'edge', offsets: null, waiting: null });
    assert.equal(found.services.replicator, 'does not run');
    assert.match(String(found.influx), /^not available: /);
    assert.match(String(found.graph), /^not available: /);
    assert.match(String(found.connectors), /^not available: /);
  });

  it('says that nothing waits once the replicator has copied, whatever its transactions leave behind', async () => {
    await produce('edge', alarms, 3);
    replicator = await ReplicatorProcess.spawn({
      'gateway-id': gatewayId,
      'edge-brokers': brokers.edge,
      'cloud-brokers': brokers.cloud,
      'up-topics': alarms,
    });
    systemWith(replicator.healthUrl);
    const found = await eventually(
      'all is copied',
      async () => {
        const now = await printed();
        const waiting = [topic('observations'), topic('requests'), alarms].map((name) => now.topics[name]?.waiting);
        return waiting.every((records) => records === 0) && now.services.replicator === 'ready' && now;
      },
      90_000,
    );
    assert.deepEqual(found.topics[topic('observations')], { source: 'edge', offsets: 5, waiting: 0 });
    assert.deepEqual(found.topics[topic('requests')], { source: 'cloud', offsets: 2, waiting: 0 });
    assert.deepEqual(found.topics[alarms], { source: 'edge', offsets: 3, waiting: 0 });
    const { exitCode, stdout } = await zeelosStatus();
    assert.equal(exitCode, 0);
    const line = stdout.split('\n').find((one) => one.includes(topic('observations')));
    assert.match(line ?? '', /^ {2}\S+ +edge +5 {2}0 to copy$/);
  }).timeout(120_000);

  it('counts what waits while the cloud is away, and does without the cloud', async () => {
    await stack.stop('kafka-cloud');
    try {
      await produce('edge', topic('observations'), 4);
      const { topics } = await eventually(
        'four wait',
        async () => {
          const now = await printed();
          return now.topics[topic('observations')]?.waiting === 4 && now;
        },
        90_000,
      );
      assert.deepEqual(topics[topic('observations')], { source: 'edge', offsets: 9, waiting: 4 });
      assert.equal(topics[topic('requests')]?.offsets, null);
    } finally {
      await stack.start('kafka-cloud');
    }
    await stack.ready('kafka-cloud');
    await eventually(
      'all is copied',
      async () => (await printed()).topics[topic('observations')]?.waiting === 0,
      90_000,
    );
  }).timeout(300_000);
});
