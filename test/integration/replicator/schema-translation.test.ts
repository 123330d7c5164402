import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { compress } from '../../../common/kafka/batch/compression.ts';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import type { ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { CompressionCodecs } from '../../../common/kafka/kafkajs.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { createLog } from '../../../common/log.ts';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';
import { type TestRegistry, useTwoRegistries } from '../../rig/registries.ts';
import type { ReplicatorProcess } from '../../rig/replicator-process.ts';

const quiet = createLog('test', 'silent');

const field = (name: string, type: string, standard?: unknown) =>
  standard === undefined ? { name, type } : { name, type, default: standard };
const recordOf = (name: string, ...fields: object[]) => ({ type: 'record', name, namespace: 'test', fields });

const KEY = recordOf('Key', field('device', 'string'));
const V1 = recordOf('Reading', field('value', 'int'));
const V2 = recordOf('Reading', field('value', 'int'), field('unit', 'string', 'Cel'));
/** Neither reads the other's records: no default. */
const STRICT = recordOf('Reading', field('value', 'int'), field('sensor', 'string'));

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const KAFKAJS_CODEC = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

describe('replicator between two schema registries', function () {
  this.timeout(240_000);
  const on = copyPerTest();
  let edge: TestRegistry;
  let cloud: TestRegistry;
  const codecs = CompressionCodecs as unknown as Record<number, unknown>;
  const kafkajsCodecs = new Map<'snappy' | 'lz4', unknown>();
  let kafka: { readonly edge: KafkaCluster; readonly cloud: KafkaCluster };

  before(async function () {
    this.timeout(300_000);
    ({ edge, cloud } = await useTwoRegistries());
    const brokersOf = (side: 'edge' | 'cloud') => [on.at.brokers[side]];
    kafka = {
      edge: connectKafka({ brokers: brokersOf('edge'), clientId: 'test' }, quiet),
      cloud: connectKafka({ brokers: brokersOf('cloud'), clientId: 'test' }, quiet),
    };
    for (const name of ['snappy', 'lz4'] as const) {
      kafkajsCodecs.set(name, codecs[KAFKAJS_CODEC[name]]);
      codecs[KAFKAJS_CODEC[name]] = () => ({
        compress: ({ buffer }: { readonly buffer: Buffer }) => compress(name, buffer),
        decompress: () => Promise.reject(new Error('only written here')),
      });
    }
  });

  after(() => {
    for (const [name, codec] of kafkajsCodecs) codecs[KAFKAJS_CODEC[name]] = codec;
  });

  afterEach(async function () {
    this.timeout(120_000);
    for (const { stack } of [edge, cloud]) if (stack.pid('registry') === undefined) await stack.start('registry');
  });

  const flags = () => ({
    'schema-ids': 'translate',
    'edge-registry-url': edge.url,
    'cloud-registry-url': cloud.url,
  });

  interface Written {
    readonly keyId?: number;
    readonly id: number;
    readonly values: readonly object[];
    readonly codec?: (typeof CODECS)[number];
    readonly partition?: number;
  }

  /** One batch, framed with the ids of the edge by somebody else's library. */
  async function write(topic: string, { keyId, id, values, codec = 'none', partition = 0 }: Written): Promise<void> {
    const registry = new SchemaRegistry({ host: edge.url });
    const messages = [];
    for (const value of values) {
      const key = keyId === undefined ? null : await registry.encode(keyId, { device: 'd1' });
      messages.push({ key, value: await registry.encode(id, value), partition });
    }
    const producer = kafka.edge.producer({ idempotent: true });
    await producer.connect();
    try {
      await producer.send({ topic, acks: -1, compression: KAFKAJS_CODEC[codec] as number, messages });
    } finally {
      await producer.disconnect();
    }
  }

  async function copied(topic: string, partition = 0): Promise<readonly ConsumedRecord[]> {
    const found: ConsumedRecord[] = [];
    const onRecord = (record: ConsumedRecord, of: number) => {
      if (of === partition) found.push(record);
    };
    await readTopic({ kafka: kafka.cloud, topic, onRecord, signal: new AbortController().signal, log: quiet });
    return found;
  }

  async function untilCopied(topic: string, count: number, partition = 0): Promise<readonly ConsumedRecord[]> {
    const found = await eventually(
      `${count} records in ${topic}/${partition}`,
      async () => {
        const now = await copied(topic, partition);
        return now.length >= count && now;
      },
      90_000,
    );
    assert.equal(found.length, count);
    return found;
  }

  /** As a reader in the cloud sees them, who knows the cloud's registry only. */
  async function decoded(records: readonly ConsumedRecord[]): Promise<object[]> {
    const registry = new SchemaRegistry({ host: cloud.url });
    return await Promise.all(records.map(async ({ value }) => ({ ...(await registry.decode(value!)) })));
  }

  const stopped = (replicator: ReplicatorProcess) => replicator.metric('zeelos_replicator_stopped_partitions');
  const misses = (replicator: ReplicatorProcess) => replicator.metric('zeelos_replicator_schema_map_misses_total');
  const says = (replicator: ReplicatorProcess, words: RegExp) =>
    eventually(`/readyz with ${words}`, async () => {
      const body = JSON.stringify((await replicator.health('/readyz')).body);
      if (!words.test(body)) throw new Error(body);
      return true;
    });

  it('gives readers in the cloud records that decode there, from batches of every codec', async () => {
    const { copy } = on;
    const topic = copy.topic('observations');
    await copy.create(topic);
    const keyId = await edge.register(`${topic}-key`, KEY);
    const id = await edge.register(`${topic}-value`, V1);
    const replicator = await copy.startReady(flags());
    const values = Array.from({ length: 50 }, (_, value) => ({ value }));
    for (const codec of CODECS) await write(topic, { keyId, id, values, codec });
    const found = await untilCopied(topic, 250);
    assert.deepEqual(
      await decoded(found),
      CODECS.flatMap(() => values),
    );
    const cloudId = await cloud.idOf(`${topic}-value`, V1);
    assert.notEqual(cloudId, id);
    assert.ok(found.every(({ value }) => value!.readUInt32BE(1) === cloudId));
    const registry = new SchemaRegistry({ host: cloud.url });
    assert.equal((await registry.decode(found[0]!.key!)).device, 'd1');
    assert.equal(await misses(replicator), 2);
    assert.equal(await stopped(replicator), 0);
  });

  it('brings commands down with the ids of the edge', async () => {
    const { copy } = on;
    const topic = copy.topic('requests');
    await copy.create(topic, { side: 'cloud', partitions: 1 });
    const id = await cloud.register(`${topic}-value`, V1);
    await copy.startReady(flags());
    const producer = kafka.cloud.producer();
    await producer.connect();
    const value = await new SchemaRegistry({ host: cloud.url }).encode(id, { value: 42 });
    await producer.send({ topic, acks: -1, messages: [{ key: null, value }] });
    await producer.disconnect();
    const found: ConsumedRecord[] = [];
    await eventually('the command', async () => {
      const onRecord = (record: ConsumedRecord) => void found.push(record);
      await readTopic({ kafka: kafka.edge, topic, onRecord, signal: new AbortController().signal, log: quiet });
      return found.length > 0;
    });
    assert.equal((await new SchemaRegistry({ host: edge.url }).decode(found[0]!.value!)).value, 42);
  });

  it('follows a schema that changes while it runs, and leaves what has no id as it is', async () => {
    const { copy } = on;
    const topic = copy.topic('observations');
    await copy.create(topic);
    const first = await edge.register(`${topic}-value`, V1);
    await copy.startReady(flags());
    await write(topic, { id: first, values: [{ value: 1 }] });
    await untilCopied(topic, 1);
    const second = await edge.register(`${topic}-value`, V2);
    await write(topic, { id: second, values: [{ value: 2, unit: 'K' }] });
    await write(topic, { id: first, values: [{ value: 3 }] });
    const odd = [Buffer.from([1, 0, 0, 0, 99, 7]), Buffer.from([0, 0, 0, 1]), Buffer.from('text'), null];
    const producer = kafka.edge.producer();
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: odd.map((value) => ({ key: null, value, partition: 0 })) });
    await producer.disconnect();
    const found = await untilCopied(topic, 7);
    assert.deepEqual(await decoded(found.slice(0, 3)), [{ value: 1 }, { value: 2, unit: 'K' }, { value: 3 }]);
    assert.deepEqual(
      found.slice(3).map(({ value }) => value),
      odd,
    );
  });

  it('stops a partition whose schema the cloud refuses, says so, and goes on when the subject takes it', async () => {
    const { copy } = on;
    const topic = copy.topic('observations');
    await copy.create(topic);
    const first = await edge.register(`${topic}-value`, V1);
    await cloud.register(`${topic}-value`, V1);
    await cloud.setCompatibility(`${topic}-value`, 'FULL');
    const replicator = await copy.startReady(flags());
    await write(topic, { id: first, values: [{ value: 1 }] });
    const strict = await edge.register(`${topic}-value`, STRICT);
    await write(topic, { id: strict, values: [{ value: 2, sensor: 's' }] });
    await write(topic, { id: first, values: [{ value: 3 }] });
    await write(topic, { id: first, values: [{ value: 4 }], partition: 1 });
    await eventually('stopped', async () => (await stopped(replicator)) === 1, 60_000);
    await says(replicator, new RegExp(`${topic}-value .*409`));
    assert.deepEqual(await decoded(await untilCopied(topic, 1)), [{ value: 1 }]);
    assert.deepEqual(await decoded(await untilCopied(topic, 1, 1)), [{ value: 4 }]);
    const kinds = async () => (await copy.events(topic)).map(({ kind }) => kind);
    await eventually('the event', async () => (await kinds()).includes('STOPPED'));
    assert.match((await copy.events(topic))[0]!.reason!, /^REGISTRY_REFUSED: /);

    await cloud.setCompatibility(`${topic}-value`, 'NONE');
    const found = await untilCopied(topic, 3);
    assert.deepEqual(await decoded(found), [{ value: 1 }, { value: 2, sensor: 's' }, { value: 3 }]);
    await eventually('ready', () => replicator.isReady());
    await eventually('told', async () => (await kinds()).includes('RESUMED'));
    assert.deepEqual(await kinds(), ['STOPPED', 'RESUMED']);
  });

  it('stands still at an id that the edge registry never gave out, and drops nothing', async () => {
    const { copy } = on;
    const topic = copy.topic('observations');
    await copy.create(topic);
    const id = await edge.register(`${topic}-value`, V1);
    const replicator = await copy.startReady(flags());
    await write(topic, { id, values: [{ value: 1 }] });
    const producer = kafka.edge.producer();
    await producer.connect();
    const value = Buffer.from([0, 0x7f, 0, 0, 1, 2]);
    await producer.send({ topic, acks: -1, messages: [{ key: null, value, partition: 0 }] });
    await producer.disconnect();
    await write(topic, { id, values: [{ value: 2 }] });
    await eventually('stopped', async () => (await stopped(replicator)) === 1, 60_000);
    await says(replicator, new RegExp(`value in ${topic} names schema id ${0x7f000001}`));
    await untilCopied(topic, 1);
  });

  for (const side of ['edge', 'cloud'] as const)
    it(`waits for the registry of the ${side}, copies what it knows meanwhile, and tells nobody of a stop`, async () => {
      const { copy } = on;
      const topic = copy.topic('observations');
      await copy.create(topic);
      const first = await edge.register(`${topic}-value`, V1);
      const second = await edge.register(`${topic}-value`, V2);
      const replicator = await copy.startReady(flags());
      await write(topic, { id: first, values: [{ value: 1 }] });
      await untilCopied(topic, 1);
      await (side === 'edge' ? edge : cloud).stack.kill('registry');
      await eventually('gone', () =>
        fetch(`${(side === 'edge' ? edge : cloud).url}/subjects`).then(
          () => false,
          () => true,
        ),
      );
      // The test's own writer needs no registry for what it frames itself.
      const producer = kafka.edge.producer();
      await producer.connect();
      const framed = (id: number, ...bytes: number[]) => {
        const value = Buffer.from([0, 0, 0, 0, 0, ...bytes]);
        value.writeUInt32BE(id, 1);
        return value;
      };
      const K = [2, 0x4b];
      const send = (value: Buffer, partition: number) =>
        producer.send({ topic, acks: -1, messages: [{ key: null, value, partition }] });
      await send(framed(second, 4, ...K), 0);
      await eventually('waits', async () => (await stopped(replicator)) === 1, 60_000);
      await says(replicator, /schema registry at .* does not answer/);
      await send(framed(first, 6), 1);
      await untilCopied(topic, 1, 1);
      await producer.disconnect();
      await (side === 'edge' ? edge : cloud).stack.start('registry');
      const found = await untilCopied(topic, 2);
      assert.deepEqual(await decoded(found), [{ value: 1 }, { value: 2, unit: 'K' }]);
      await eventually('ready', () => replicator.isReady());
      assert.deepEqual(await copy.events(topic), []);
    });

  it('goes on after a restart without any registry, by the schema map on disk', async () => {
    const { copy, at } = on;
    const file = at.scratchFile();
    const topic = copy.topic('observations');
    await copy.create(topic);
    const id = await edge.register(`${topic}-value`, V1);
    try {
      const first = await copy.startReady({ ...flags(), 'schema-map-file': file });
      await write(topic, { id, values: [{ value: 1 }] });
      await untilCopied(topic, 1);
      await first.stop();
      await write(topic, { id, values: [{ value: 2 }] });
      for (const { stack } of [edge, cloud]) await stack.kill('registry');
      const second = await copy.startReady({ ...flags(), 'schema-map-file': file });
      const found = await untilCopied(topic, 2);
      assert.equal(await misses(second), 0);
      for (const { stack } of [edge, cloud]) await stack.start('registry');
      assert.deepEqual(await decoded(found), [{ value: 1 }, { value: 2 }]);
    } finally {
      rmSync(file, { force: true });
    }
  });
});
