import assert from 'node:assert/strict';
import { avroType } from '../../../schemas/avro-types.ts';
import { FRAME_BYTES } from '../../../schemas/codec.ts';
import type { AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { InputGateway, type Reading, T0 } from './input.ts';
import { TestWorker } from './worker.ts';

const KEY = avroType('io.zeelos.leshan.avro.AvroKey');
const WINDOW_MS = 30_000;

interface Result {
  readonly key: string;
  readonly startMs: number;
  readonly path: string;
  readonly value: number;
  readonly timestamp: number;
}

async function results(gateway: InputGateway): Promise<Result[]> {
  return (await gateway.read('maxPer30Seconds')).map(({ key, value }) => {
    const windowed = KEY.decode(key, FRAME_BYTES) as { value: { ep: string }; offset: number };
    assert.equal(key.length, windowed.offset + 8);
    const startMs = Number(key.readBigInt64BE(windowed.offset));
    return { key: windowed.value.ep, startMs, path: value.path, value: numberIn(value), timestamp: value.timestamp };
  });
}

function numberIn(value: AvroResponseObserve): number {
  const body = value.rep.body as unknown as Record<
    string,
    { content: Record<string, { path: string; value: object }> }
  >;
  const [resource] = Object.values(Object.values(body)[0]!.content) as [{ path: string; value: { double: number } }];
  assert.equal(resource.path, value.path);
  return resource.value.double;
}

/** Later results of a window replace earlier ones. */
function latest(of: readonly Result[]): Map<string, number> {
  return new Map(of.map(({ key, startMs, value }) => [`${key}@${startMs - T0}`, value]));
}

/** What should come of it, computed the simple way. */
function expected(readings: readonly Reading[]): Map<string, number> {
  const maxima = new Map<string, number>();
  for (const { ep, path = '/3303/0/5700', value, atMs } of readings) {
    const key = `${ep}.${path}@${Math.floor(atMs / WINDOW_MS) * WINDOW_MS - T0}`;
    maxima.set(key, Math.max(maxima.get(key) ?? Number.NEGATIVE_INFINITY, value as number));
  }
  return maxima;
}

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1));
}

describe('streams, maxper30sec on a real Kafka', function () {
  this.timeout(120_000);
  let gateway: InputGateway;
  afterEach(() => gateway.close());

  it('writes the record with the greatest number of each window, under the windowed key of the seed', async () => {
    gateway = await InputGateway.create();
    await gateway.write([
      { ep: 'a', value: 20, atMs: T0 },
      { ep: 'a', value: 25.5, atMs: T0 + 1_000 },
      { ep: 'a', value: 25.5, atMs: T0 + 2_000 },
      { ep: 'a', value: 21, atMs: T0 + 3_000 },
      { ep: 'a', value: 'warm', atMs: T0 + 3_000 },
      { ep: 'a', value: true, atMs: T0 + 3_000 },
      { ep: 'a', value: Number.NaN, atMs: T0 + 3_000 },
      { ep: 'b', value: -3, atMs: T0 + 4_000 },
      { ep: 'a', value: 1, atMs: T0 + WINDOW_MS },
    ]);
    const worker = new TestWorker(gateway, 'maxper30sec');
    try {
      await worker.has('records_in_total', 9);
      await worker.has('records_skipped_total', 3, { reason: 'not_numeric' });
      await worker.has('records_out_total', 3);
    } finally {
      await worker.stop();
    }
    const path = '/3303/0/5700-max';
    assert.deepEqual(await results(gateway), [
      { key: 'a./3303/0/5700', startMs: T0, path, value: 25.5, timestamp: T0 + 2_000 },
      { key: 'b./3303/0/5700', startMs: T0, path, value: -3, timestamp: T0 + 4_000 },
      { key: 'a./3303/0/5700', startMs: T0 + WINDOW_MS, path, value: 1, timestamp: T0 + WINDOW_MS },
    ]);
  });

  it('counts what is late, and passes over what cannot be read', async () => {
    gateway = await InputGateway.create();
    await gateway.write([
      { ep: 'a', value: 1, atMs: T0 },
      { ep: 'a', value: 2, atMs: T0 + 45_000 },
      // The first window ended at 30 s and took records until stream time was 40 s.
      { ep: 'a', value: 99, atMs: T0 + 1_000 },
      { ep: 'a', value: 3, atMs: T0 + 44_000 },
      // A device whose clock is far ahead closes no window of others.
      { ep: 'c', value: 9, atMs: T0 + 86_400_000, writtenMs: T0 + 45_000 },
    ]);
    await gateway.writeRaw([
      { key: null, value: Buffer.from('no frame'), partition: 0, timestamp: String(T0) },
      { key: null, value: Buffer.from([0, 0, 0xff, 0xff, 0xff, 1]), partition: 0, timestamp: String(T0) },
      { key: null, value: null, partition: 0, timestamp: String(T0) },
    ]);
    await gateway.write([{ ep: 'b', value: 4, atMs: T0 + 45_000 }]);
    const worker = new TestWorker(gateway, 'maxper30sec', ['--grace-seconds=10']);
    try {
      await worker.has('records_in_total', 9);
      await worker.has('records_skipped_total', 1, { reason: 'late' });
      await worker.has('records_skipped_total', 1, { reason: 'from_future' });
      await worker.has('records_unreadable_total', 1, { code: 'AVRO_FRAME' });
      await worker.has('records_unreadable_total', 1, { code: 'AVRO_UNKNOWN_SCHEMA' });
      await worker.has('records_out_total', 3);
    } finally {
      await worker.stop();
    }
    assert.deepEqual(sorted(latest(await results(gateway))), [
      ['a./3303/0/5700@0', 1],
      ['a./3303/0/5700@30000', 3],
      ['b./3303/0/5700@30000', 4],
    ]);
  });

  it('goes on after a restart with the state of before, and calls late what was late then', async () => {
    gateway = await InputGateway.create();
    await gateway.write([
      { ep: 'a', value: 50, atMs: T0 },
      { ep: 'b', value: 7, atMs: T0 + 35_000 },
    ]);
    const first = new TestWorker(gateway, 'maxper30sec', ['--grace-seconds=2']);
    await first.has('records_out_total', 2);
    await first.stop();
    await gateway.write([
      { ep: 'b', value: 6, atMs: T0 + 36_000 },
      { ep: 'a', value: 60, atMs: T0 + 1_000 },
      { ep: 'b', value: 8, atMs: T0 + 37_000 },
    ]);
    const second = new TestWorker(gateway, 'maxper30sec', ['--grace-seconds=2']);
    try {
      await second.has('records_in_total', 3);
      await second.has('records_skipped_total', 1, { reason: 'late' });
      await second.has('records_out_total', 1);
    } finally {
      await second.stop();
    }
    // 6 was below the 7 of before the restart: no result of it.
    assert.deepEqual(
      (await results(gateway)).map(({ key, value }) => [key[0], value]),
      [
        ['a', 50],
        ['b', 7],
        ['b', 8],
      ],
    );
  });

  it('hands partitions to a second worker and takes them back, with their state and without a result twice', async () => {
    gateway = await InputGateway.create(2);
    const partitionOf = (ep: string) => ep.charCodeAt(0) % 2;
    const rounds = [0, 1, 2].map((round) =>
      Array.from({ length: 200 }, (_, i): Reading => {
        const ep = String.fromCharCode(97 + (i % 10));
        return { ep, value: (i * 37) % 101, atMs: T0 + round * 7_000 + i * 10 };
      }),
    );
    const all = rounds.flat();
    await gateway.write(rounds[0]!, partitionOf);
    const one = new TestWorker(gateway, 'maxper30sec');
    const workers = [one];
    try {
      await one.has('records_in_total', 200);
      const two = new TestWorker(gateway, 'maxper30sec');
      workers.push(two);
      await one.has('tasks_running', 1);
      await two.has('tasks_running', 1);
      await gateway.write(rounds[1]!, partitionOf);
      await two.has('records_in_total', 100);
      await one.has('records_in_total', 300);
      // Only the partition that moved was restored.
      await two.stop();
      workers.pop();
      await one.has('tasks_running', 2);
      await gateway.write(rounds[2]!, partitionOf);
      await one.has('records_in_total', 500);
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
    const seen = await results(gateway);
    assert.deepEqual(sorted(latest(seen)), sorted(expected(all)));
    // A result that comes again would be one of equal value and time.
    const texts = seen.map((result) => JSON.stringify(result));
    assert.equal(new Set(texts).size, texts.length);
  });
});
