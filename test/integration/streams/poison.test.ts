import assert from 'node:assert/strict';
import { encoderFor } from '../../../common/records.ts';
import type { AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import { InputGateway, observation, type Reading, T0 } from './input.ts';
import { TestWorker } from './worker.ts';

const READ = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const COMPOSITE = 'io.zeelos.leshan.avro.response.AvroCompositeResponse';
const RESOURCE = 'io.zeelos.leshan.avro.resource.AvroResource';
const GOOD = 200;
const LONG = 'x'.repeat(20_000);

/** Frames that are no good, and what they are counted as by maxper30sec and by singles. */
interface Poison {
  readonly what: string;
  readonly value: Buffer | null;
  readonly maxima: string;
  readonly singles: string;
}

function composite(nodes: number, more: Partial<AvroResponseObserve> = {}): AvroResponseObserve {
  const whole = observation({ ep: 'c', value: 1, atMs: T0 });
  const body = whole.rep.body as unknown as Record<string, { content: object }>;
  const node = { path: '/3303/0/5700', content: body[READ]!.content, timestamp: null };
  const rep = { ...whole.rep, body: { [COMPOSITE]: { nodes: Array.from({ length: nodes }, () => node) } } };
  return { ...whole, ...more, rep } as unknown as AvroResponseObserve;
}

function poisonFor(gateway: InputGateway): readonly Poison[] {
  const topic = gateway.topicOf('observations');
  const values = encoderFor(gateway.snapshot, `${topic}-value`, TOPICS.observations.value);
  const keys = encoderFor(gateway.snapshot, `${topic}-key`, TOPICS.observations.key);
  const frame = (reading: Partial<Reading>, more: Partial<AvroResponseObserve> = {}) =>
    values.encode({ ...observation({ ep: 'p', value: 1, atMs: T0, ...reading }), ...more });
  const good = frame({});
  // An empty composite ends with the end of its array and no sequence number: the count of the array becomes four billion.
  const huge = Buffer.concat([
    values.encode(composite(0)).subarray(0, -2),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0x1f]),
  ]);
  return [
    { what: 'no frame', value: Buffer.from('no frame'), maxima: 'AVRO_FRAME', singles: 'AVRO_FRAME' },
    { what: 'nothing', value: Buffer.alloc(0), maxima: 'AVRO_FRAME', singles: 'AVRO_FRAME' },
    { what: 'tombstone', value: null, maxima: 'tombstone', singles: 'tombstone' },
    {
      what: 'unknown schema id',
      value: Buffer.from([0, 0x7f, 0xff, 0xff, 1, 1]),
      maxima: 'AVRO_UNKNOWN_SCHEMA',
      singles: 'AVRO_UNKNOWN_SCHEMA',
    },
    { what: 'another type', value: keys.encode({ ep: 'p' }), maxima: 'AVRO_INVALID', singles: 'AVRO_INVALID' },
    { what: 'cut short', value: good.subarray(0, -3), maxima: 'AVRO_INVALID', singles: 'AVRO_INVALID' },
    {
      what: 'a time beyond any clock',
      value: frame({ atMs: 2 ** 53 - 1 }),
      maxima: 'AVRO_INVALID',
      singles: 'AVRO_INVALID',
    },
    { what: 'a huge count', value: huge, maxima: 'not_single', singles: 'AVRO_INVALID' },
    { what: 'a long name', value: frame({ ep: 'n'.repeat(2_000) }), maxima: 'too_long', singles: '' },
    { what: 'a long record', value: frame({}, { ticket: LONG }), maxima: 'too_long', singles: '' },
    {
      what: 'a reading that would become 20 MB',
      value: values.encode(composite(1_000, { ticket: LONG })),
      maxima: 'not_single',
      singles: 'too_long',
    },
  ];
}

describe('streams, poison among good records', function () {
  this.timeout(150_000);
  let gateway: InputGateway;
  let poison: readonly Poison[];
  let worker: TestWorker | undefined;
  before(async () => {
    gateway = await InputGateway.create();
    poison = poisonFor(gateway);
    for (let at = 0; at < GOOD; at += 10) {
      await gateway.write(
        Array.from({ length: 10 }, (_, i) => ({ ep: 'good', value: at + i, atMs: T0 + 100 * (at + i) })),
      );
      const { value } = poison[(at / 10) % poison.length]!;
      await gateway.writeRaw([{ key: null, value, partition: 0, timestamp: String(T0 + 100 * at) }]);
    }
  });
  afterEach(async () => await worker?.stop());
  after(() => gateway.close());

  /** How often each reason or code must have been counted. */
  function countsOf(by: 'maxima' | 'singles'): Map<string, number> {
    const counts = new Map<string, number>();
    for (let at = 0; at < GOOD; at += 10) {
      const reason = poison[(at / 10) % poison.length]![by];
      if (reason !== '') counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return counts;
  }

  async function assertCounted(by: 'maxima' | 'singles'): Promise<void> {
    for (const [reason, count] of countsOf(by)) {
      const isCode = reason === reason.toUpperCase();
      const metric = isCode ? 'records_unreadable_total' : 'records_skipped_total';
      await worker!.has(metric, count, isCode ? { code: reason } : { reason });
    }
  }

  it('maxper30sec counts each by its reason and writes what the good ones make', async () => {
    worker = new TestWorker(gateway, 'maxper30sec', ['--emit=final', '--grace-seconds=0']);
    await worker.has('records_in_total', GOOD + GOOD / 10);
    await assertCounted('maxima');
    // The time of the last is 19.9 s; the window is closed by a record of the next.
    await gateway.write([{ ep: 'good', value: 0, atMs: T0 + 60_000 }]);
    await worker.has('records_out_total', 1);
    const [result] = await gateway.read('maxPer30Seconds');
    assert.deepEqual([result!.value.ep, result!.value.timestamp], ['good', T0 + 100 * (GOOD - 1)]);
  });

  it('singles counts each by its reason and lets the good ones through', async () => {
    worker = new TestWorker(gateway, 'singles');
    await worker.has('records_in_total', GOOD + GOOD / 10 + 1);
    await assertCounted('singles');
    // Two long names and a long record are good readings here.
    await worker.has('records_out_total', GOOD + 1 + 3);
    const seen = (await gateway.read('singleObservations')).filter(({ value }) => value.ep === 'good');
    assert.equal(seen.length, GOOD + 1);
    assert.ok(JSON.stringify(seen[0]!.value.rep).includes(RESOURCE));
  });
});
