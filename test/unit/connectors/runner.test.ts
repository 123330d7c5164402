import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { hasCode, PlatformError } from '../../../common/errors.ts';
import type { FetchedBatch } from '../../../common/kafka/consume-bytes.ts';
import { encodeBatch, encodeRecords } from '../../../common/kafka/record-batch.ts';
import { createLog } from '../../../common/log.ts';
import { ConnectorMetrics } from '../../../connectors/connector-metrics.ts';
import { type PoisonRecord, ValueDecoder } from '../../../connectors/decode.ts';
import { Runner } from '../../../connectors/runner.ts';
import type { Sink, SinkRecord, Skips } from '../../../connectors/sink.ts';
import { avroType, selfContainedSchema } from '../../../schemas/avro-types.ts';
import { FrameEncoder } from '../../../schemas/codec.ts';
import { TOPICS } from '../../../schemas/topics.ts';

const OBSERVATION = TOPICS.observations.value;
const TOPIC = TOPICS.observations.nameFor('gw');
const encoder = new FrameEncoder(avroType(OBSERVATION), 7);

/** A store in memory that is away, or refuses, on command. */
class MemorySink implements Sink {
  readonly counters = {};
  readonly stored: string[] = [];
  connects = 0;
  failures: PlatformError[] = [];
  connectFailures: Error[] = [];
  refuses: (ep: string) => boolean = () => false;
  writes = 0;

  async connect(): Promise<void> {
    this.connects++;
    const failure = this.connectFailures.shift();
    if (failure !== undefined) throw failure;
  }
  async write(batch: readonly SinkRecord[], signal: AbortSignal): Promise<Skips> {
    signal.throwIfAborted();
    this.writes++;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const names = batch.map(({ value }) => (value as { ep: string }).ep);
    if (names.some((name) => this.refuses(name))) throw new PlatformError('SINK_REFUSED', 'no');
    this.stored.push(...names);
    return {};
  }
  async close(): Promise<void> {}
}

function observation(ep: string): Buffer {
  return encoder.encode({
    ticket: 't',
    observationId: 'o',
    serverId: 'gw',
    ep,
    path: '/3/0/9',
    timestamp: 1,
    rep: { code: 'CONTENT', kind: 'observe', body: null },
    seq: null,
  });
}

function batchOf(values: readonly (Buffer | null)[], signal = new AbortController().signal): FetchedBatch {
  const records = values.map((value, offsetDelta) => ({ offsetDelta, timestampDelta: 0, key: null, value }));
  const bytes = encodeBatch(
    {
      attributes: 0,
      lastOffsetDelta: values.length - 1,
      ...{ firstTimestamp: 0n, maxTimestamp: 0n, producerId: -1n, producerEpoch: 0, firstSequence: 0 },
      recordCount: values.length,
    },
    encodeRecords(records),
  );
  const next = values.length;
  return { topic: TOPIC, partition: 0, bytes, aborted: [], from: 0, next, highWatermark: next, signal };
}

/** Until all of it has its outcome. */
async function handleAll(runner: Runner, batch: FetchedBatch): Promise<void> {
  await (await runner.handle(batch)).done;
}

function setUp(batchRecords = 100) {
  const sink = new MemorySink();
  const registry = new Registry();
  const buried: PoisonRecord[] = [];
  const waiting: (string | undefined)[] = [];
  const source = { schemaById: async (id: number) => (id === 7 ? selfContainedSchema(OBSERVATION) : undefined) };
  const runner = new Runner({
    sink,
    decoder: new ValueDecoder(source),
    deadLetters: { bury: async (_batch, poison) => void buried.push(...poison) },
    metrics: new ConnectorMetrics(registry, sink, 'c'),
    log: createLog('test', 'silent'),
    batchRecords,
    onWaiting: (reason) => waiting.push(reason),
  });
  const counted = async (metric: string) =>
    ((await registry.getSingleMetric(`zeelos_connector_${metric}`)?.get())?.values ?? []).reduce(
      (sum, { value }) => sum + value,
      0,
    );
  return { sink, runner, buried, waiting, counted };
}

describe('connector runner', () => {
  it('hands records over in order, in chunks, and counts them', async () => {
    const { sink, runner, counted } = setUp(2);
    await handleAll(runner, batchOf(['a', 'b', 'c', 'd', 'e'].map(observation)));
    assert.deepEqual(sink.stored, ['a', 'b', 'c', 'd', 'e']);
    assert.equal(sink.writes, 3);
    assert.equal(sink.connects, 1);
    assert.equal(await counted('records_in_total'), 5);
    assert.equal(await counted('records_written_total'), 5);
  });

  it('buries what cannot be read, skips tombstones, and writes the rest', async () => {
    const { sink, runner, buried, counted } = setUp();
    const cut = observation('cut');
    const values = [
      observation('a'),
      Buffer.from('x'),
      null,
      cut.subarray(0, cut.length - 3),
      Buffer.from([0, 0, 0, 0, 8, 1]),
    ];
    await handleAll(runner, batchOf([...values, Buffer.alloc(0), observation('b')]));
    assert.deepEqual(sink.stored, ['a', 'b']);
    assert.deepEqual(
      buried.map(({ code, source }) => [code, source.offset]),
      [
        ['AVRO_FRAME', '1'],
        ['AVRO_INVALID', '3'],
        ['AVRO_UNKNOWN_SCHEMA', '4'],
        ['AVRO_FRAME', '5'],
      ],
    );
    assert.equal(await counted('records_in_total'), 7);
    assert.equal(await counted('records_written_total'), 2);
    assert.equal(await counted('records_skipped_total'), 1);
    assert.equal(await counted('records_dead_lettered_total'), 4);
  });

  it('finds each record that the store refuses, and stores all others once', async () => {
    const { sink, runner, buried } = setUp(1_000);
    const names = Array.from({ length: 1_000 }, (_, index) => `n${index}`);
    sink.refuses = (name) => name === 'n0' || name === 'n500' || name === 'n501' || name === 'n999';
    await handleAll(runner, batchOf(names.map(observation)));
    assert.deepEqual(
      buried.map(({ source, code }) => [source.offset, code]),
      [
        ['0', 'SINK_REFUSED'],
        ['500', 'SINK_REFUSED'],
        ['501', 'SINK_REFUSED'],
        ['999', 'SINK_REFUSED'],
      ],
    );
    assert.deepEqual(
      sink.stored,
      names.filter((name) => !sink.refuses(name)),
    );
    assert.ok(sink.writes < 100, `${sink.writes} writes`);
  });

  it('waits for a store that is away, connects anew, and buries nothing', async () => {
    const { sink, runner, buried, waiting, counted } = setUp();
    await handleAll(runner, batchOf([observation('a')]));
    sink.failures = [new PlatformError('SINK_UNAVAILABLE', 'away'), new PlatformError('SINK_UNAVAILABLE', 'away')];
    sink.connectFailures = [new PlatformError('SINK_UNAVAILABLE', 'still away'), new Error('a fault while preparing')];
    await handleAll(runner, batchOf([observation('b')]));
    assert.deepEqual(sink.stored, ['a', 'b']);
    assert.deepEqual(buried, []);
    assert.equal(sink.connects, 5);
    assert.equal(await counted('retries_total'), 4);
    assert.equal(waiting.at(-1), undefined);
    assert.equal(waiting.length, 5);
  });

  it('stops waiting when the service stops', async () => {
    const { sink, runner } = setUp();
    sink.failures = Array.from({ length: 50 }, () => new PlatformError('SINK_UNAVAILABLE', 'away'));
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(new PlatformError('SHUTTING_DOWN', 'bye')), 50);
    const handling = handleAll(runner, batchOf([observation('a')], stopping.signal));
    await assert.rejects(handling, (error) => hasCode(error, 'SHUTTING_DOWN'));
  });

  it('does not finish a batch before its dead letters are safe', async () => {
    const sink = new MemorySink();
    let attempts = 0;
    const runner = new Runner({
      sink,
      decoder: new ValueDecoder({ schemaById: async () => undefined }),
      deadLetters: {
        async bury() {
          if (++attempts < 3) throw new PlatformError('KAFKA_UNAVAILABLE', 'no broker');
        },
      },
      metrics: new ConnectorMetrics(new Registry(), sink, 'c'),
      log: createLog('test', 'silent'),
      batchRecords: 10,
      onWaiting: () => undefined,
    });
    await handleAll(runner, batchOf([Buffer.from('x')]));
    assert.equal(attempts, 3);
  });
});
