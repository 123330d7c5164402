import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { PlatformError } from '../../../common/errors.ts';
import type { FetchedBatch } from '../../../common/kafka/consume-bytes.ts';
import { encodeBatch, encodeRecords, type RecordToEncode } from '../../../common/kafka/record-batch.ts';
import { createLog } from '../../../common/log.ts';
import { ConnectorMetrics } from '../../../connectors/connector-metrics.ts';
import { type PoisonRecord, REPLAY_HEADERS, ValueDecoder } from '../../../connectors/decode.ts';
import { Runner, type RunnerOptions, TaskFailure } from '../../../connectors/runner.ts';
import { type ByteChunk, type ByteSink, type SinkRecord, type Skips, TAKEN } from '../../../connectors/sink.ts';
import { avroType, selfContainedSchema } from '../../../schemas/avro-types.ts';
import { FrameEncoder, schemaIdAt } from '../../../schemas/codec.ts';
import { TOPICS } from '../../../schemas/topics.ts';

const OBSERVATION = TOPICS.observations.value;
const TOPIC = TOPICS.observations.nameFor('gw');
const encoder = new FrameEncoder(avroType(OBSERVATION), 7);
const CHUNK = 3;

class MemoryChunk implements ByteChunk {
  readonly names: string[] = [];
  readonly #known: ReadonlySet<number>;

  constructor(known: ReadonlySet<number>) {
    this.#known = known;
  }

  get isEmpty(): boolean {
    return this.names.length === 0;
  }
  get isFull(): boolean {
    return this.names.length >= CHUNK;
  }
  take(bytes: Buffer, start: number, end: number): number {
    const id = schemaIdAt(bytes, start, end);
    if (id === undefined) return TAKEN.needsDecoder;
    if (!this.#known.has(id)) return TAKEN.unknownSchema;
    const { ep } = avroType(OBSERVATION).decode(bytes.subarray(0, end), start + 5).value as { ep: string };
    if (ep.startsWith('odd')) return TAKEN.needsDecoder;
    if (ep.startsWith('empty')) return TAKEN.nothing;
    this.names.push(ep);
    return 1;
  }
}

/** A store in memory for names of endpoints; writes of chunks wait until they are let go. */
class MemoryByteSink implements ByteSink {
  readonly counters = {};
  readonly chunksAtOnce = 2;
  readonly byBytes: string[] = [];
  readonly decoded: SinkRecord[] = [];
  readonly waiting: { readonly names: readonly string[]; go(): void }[] = [];
  holds = false;
  released = 0;
  refuses: (name: string) => boolean = () => false;
  failures: PlatformError[] = [];
  readonly #known = new Set<number>();

  async connect(): Promise<void> {}
  openChunk(): MemoryChunk {
    return new MemoryChunk(this.#known);
  }
  learn(_topic: string, _from: string, { id }: { readonly id: number }): void {
    this.#known.add(id);
  }
  async writeChunk({ names }: MemoryChunk, signal: AbortSignal): Promise<void> {
    if (this.holds) await new Promise<void>((go) => this.waiting.push({ names, go }));
    signal.throwIfAborted();
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    if (names.some((name) => this.refuses(name))) throw new PlatformError('SINK_REFUSED', 'no');
    this.byBytes.push(...names);
  }
  release(): void {
    this.released++;
  }
  async write(batch: readonly SinkRecord[]): Promise<Skips> {
    if (batch.some((record) => this.refuses(nameOf(record)))) throw new PlatformError('SINK_REFUSED', 'no');
    this.decoded.push(...batch);
    return {};
  }
  async close(): Promise<void> {}
}

function nameOf({ value }: SinkRecord): string {
  return (value as { ep: string }).ep;
}

function observation(ep: string): Buffer {
  const rep = { code: 'CONTENT', kind: 'observe', body: null } as const;
  const texts = { ticket: 't', observationId: 'o', serverId: 'gw', path: '/3/0/9' };
  return encoder.encode({ ...texts, ep, timestamp: 1, rep, seq: null });
}

/** @param first offset of the first */
function batchOf(
  records: readonly (Buffer | null | Omit<RecordToEncode, 'offsetDelta' | 'timestampDelta'>)[],
  first = 0,
): FetchedBatch {
  const encoded = records.map((one, offsetDelta) => ({
    ...{ offsetDelta, timestampDelta: 0, key: null },
    ...(one === null || Buffer.isBuffer(one) ? { value: one } : one),
  }));
  const bytes = encodeBatch(
    {
      ...{ attributes: 0, lastOffsetDelta: records.length - 1, recordCount: records.length },
      ...{ firstTimestamp: 0n, maxTimestamp: 0n, producerId: -1n, producerEpoch: 0, firstSequence: 0 },
    },
    encodeRecords(encoded),
  );
  bytes.writeBigInt64BE(BigInt(first));
  const next = first + records.length;
  const { signal } = new AbortController();
  return { topic: TOPIC, partition: 0, bytes, aborted: [], from: first, next, highWatermark: next, signal };
}

function setUp(more: Partial<RunnerOptions> = {}) {
  const sink = new MemoryByteSink();
  const registry = new Registry();
  const buried: PoisonRecord[] = [];
  const source = { schemaById: async (id: number) => (id === 7 ? selfContainedSchema(OBSERVATION) : undefined) };
  const runner = new Runner({
    sink,
    decoder: new ValueDecoder(source),
    deadLetters: { bury: async (_batch, poison) => void buried.push(...poison) },
    metrics: new ConnectorMetrics(registry, sink, 'c'),
    log: createLog('test', 'silent'),
    batchRecords: 100,
    onWaiting: () => undefined,
    ...more,
  });
  const counted = async (metric: string, label: Record<string, string> = {}) =>
    ((await registry.getSingleMetric(`zeelos_connector_${metric}`)?.get())?.values ?? [])
      .filter(({ labels }) => Object.entries(label).every(([name, value]) => labels[name] === value))
      .reduce((sum, { value }) => sum + value, 0);
  const handle = async (batch: FetchedBatch) => void (await (await runner.handle(batch)).done);
  return { sink, runner, buried, counted, handle };
}

describe('connector runner with a sink that takes bytes', () => {
  it('decodes the first of a schema, and after it only what it must', async () => {
    const { sink, handle, buried, counted } = setUp();
    const values = ['a', 'b', 'odd', 'c', 'empty', 'd', 'e'].map(observation);
    await handle(batchOf([...values, null, Buffer.from('x')]));
    assert.deepEqual(sink.decoded.map(nameOf), ['a', 'odd']);
    assert.deepEqual(sink.byBytes, ['b', 'c', 'd', 'e']);
    assert.deepEqual(
      buried.map(({ code, source }) => [code, source.offset]),
      [['AVRO_FRAME', '8']],
    );
    assert.equal(await counted('records_in_total'), 9);
    assert.equal(await counted('records_written_total'), 6);
    assert.equal(await counted('records_skipped_total', { reason: 'no_field' }), 1);
    assert.equal(await counted('records_skipped_total', { reason: 'tombstone' }), 1);
    assert.equal(sink.released, 2);
  });

  it('decodes a record that was replayed, which keeps its place', async () => {
    const { sink, handle } = setUp();
    const headers = { [REPLAY_HEADERS.partition]: '5', [REPLAY_HEADERS.offset]: '77' };
    await handle(batchOf([observation('first'), { value: observation('again'), headers }, observation('last')]));
    assert.deepEqual(sink.byBytes, ['last']);
    assert.deepEqual(
      sink.decoded.map((record) => [nameOf(record), record.partition, record.offset]),
      [
        ['first', 0, '0'],
        ['again', 5, '77'],
      ],
    );
  });

  it('decodes a chunk again that the store refuses, so that only the culprit is set aside', async () => {
    const { sink, handle, buried, counted } = setUp();
    await handle(batchOf([observation('first')]));
    sink.refuses = (name) => name === 'bad';
    await handle(batchOf(['a', 'empty', 'bad', 'b', 'c', 'd', 'e'].map(observation), 1));
    assert.deepEqual(sink.byBytes, ['c', 'd', 'e']);
    assert.deepEqual(sink.decoded.map(nameOf), ['first', 'a', 'empty', 'b']);
    assert.deepEqual(
      buried.map(({ code, source }) => [code, source.offset]),
      [['SINK_REFUSED', '3']],
    );
    assert.equal(await counted('records_in_total'), 8);
    assert.equal(await counted('records_written_total'), 7);
  });

  it('has two chunks on their way, also of two batches, and no third', async () => {
    const { sink, runner, handle, counted } = setUp();
    await handle(batchOf([observation('first')]));
    sink.holds = true;
    const { done } = await runner.handle(batchOf(['a', 'b', 'c'].map(observation), 1));
    const more = runner.handle(batchOf(['d', 'e', 'f', 'g'].map(observation), 4));
    await turn();
    await turn();
    assert.deepEqual(
      sink.waiting.map(({ names }) => names.join('')),
      ['abc', 'def'],
    );
    // The later one is stored first; it is told of when the earlier one is.
    sink.waiting[1]!.go();
    for (let turns = 0; sink.waiting.length < 3 && turns < 100; turns++) await turn();
    assert.equal(await counted('records_written_total'), 1);
    assert.deepEqual(sink.waiting.map(({ names }) => names.join('')).slice(2), ['g']);
    sink.waiting[0]!.go();
    await done;
    sink.waiting[2]!.go();
    await (await more).done;
    assert.equal(await counted('records_written_total'), 8);
    assert.equal(await counted('lag_records'), 0);
  });

  it('repeats a chunk as it is while the store is away', async () => {
    const { sink, handle, buried } = setUp();
    await handle(batchOf([observation('first')]));
    sink.failures = [new PlatformError('SINK_UNAVAILABLE', 'away'), new PlatformError('SINK_UNAVAILABLE', 'away')];
    await handle(batchOf(['a', 'b'].map(observation), 1));
    assert.deepEqual(sink.byBytes, ['a', 'b']);
    assert.deepEqual(buried, []);
  });

  it('drops a chunk by policy NOOP, and ends the task by policy THROW', async () => {
    const policy = { maxRetries: -1, retryIntervalMs: 100 };
    for (const name of ['NOOP', 'THROW'] as const) {
      const { sink, handle, counted } = setUp({ onStoreFailure: { ...policy, policy: name } });
      await handle(batchOf([observation('first')]));
      sink.failures = [new PlatformError('SINK_UNAVAILABLE', 'away')];
      const batch = batchOf(['a', 'empty', 'b', 'c'].map(observation), 1);
      if (name === 'THROW') {
        await assert.rejects(handle(batch), TaskFailure);
        await assert.rejects(handle(batch), TaskFailure, 'nothing more is begun in the same membership');
      } else {
        await handle(batch);
        assert.equal(await counted('records_skipped_total', { reason: 'dropped' }), 4);
        assert.equal(await counted('records_written_total'), 1);
      }
      assert.deepEqual(sink.byBytes, []);
    }
  });
});
