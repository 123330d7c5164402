import assert from 'node:assert/strict';
import { hasCode, isRetriable } from '../../../common/errors.ts';
import { parseKcql } from '../../../connectors/kcql/parse.ts';
import { OrientdbKcqlSink } from '../../../connectors/orientdb/kcql-sink.ts';
import type { SinkRecord } from '../../../connectors/sink.ts';
import { sinkContract } from '../../contract/sink.ts';
import { useStack } from '../../rig/rig.ts';
import { Graph } from './graph.ts';

const START_MS = 1_790_000_000_000;

const METER = {
  id: 1,
  schema: {
    type: 'record',
    name: 'Meter',
    fields: [
      { name: 'site', type: 'string' },
      { name: 'number', type: 'long' },
      { name: 'reading', type: ['null', 'double'], default: null },
      { name: 'open', type: 'boolean' },
      { name: 'photo', type: 'bytes' },
      { name: 'either', type: ['string', 'long'] },
      { name: 'at', type: 'long' },
      { name: 'place', type: { type: 'record', name: 'Place', fields: [{ name: 'room', type: 'string' }] } },
    ],
  },
};
/** As an older writer knew it. */
const OLD_METER = {
  id: 2,
  schema: { ...METER.schema, fields: METER.schema.fields.filter(({ name }) => name !== 'open') },
};

const VALUE = {
  ...{ site: 'a', number: 1, reading: { double: 1.5 }, open: true, photo: Buffer.from([1, 2]) },
  ...{ either: { string: 'x' }, at: START_MS, place: { room: 'cellar' } },
};

function record(offset: number, change: object = {}, more: Partial<SinkRecord> = {}): SinkRecord {
  return {
    ...{ from: 'any', topic: 'meters', partition: 0, offset: String(offset), timestampMs: START_MS },
    ...{ value: { ...VALUE, ...change }, schema: METER },
    ...more,
  } as SinkRecord;
}

sinkContract('orientdb by KCQL', async () => {
  const stack = await useStack('orientdb');
  const graph = await Graph.make(stack, `kcqlcontract${process.pid}`);
  const statements = parseKcql('UPSERT INTO Meters SELECT site, number, reading FROM meters PK site, number');
  const newSink = () => new OrientdbKcqlSink(graph.target, statements, []);
  let made = 0;
  const first = newSink();
  await first.connect(AbortSignal.timeout(20_000));
  await first.write([record(made++, { number: -1 })], AbortSignal.timeout(20_000));
  await first.close();
  return {
    newSink,
    records: (count) => Array.from({ length: count }, () => record(made, { number: made++ })),
    rows: () => graph.count('Meters'),
    bigBatch: 2_000,
    stopStore: () => stack.stop('orientdb'),
    startStore: () => stack.start('orientdb').then(() => stack.ready('orientdb')),
    storePid: () => stack.pid('orientdb')!,
  };
});

describe('vertices by KCQL', () => {
  let graph: Graph;
  const signal = AbortSignal.timeout(600_000);
  const sinks: OrientdbKcqlSink[] = [];

  before(async () => {
    graph = await Graph.make(await useStack('orientdb'), `kcql${process.pid}`);
  });
  afterEach(() => Promise.all(sinks.splice(0).map((sink) => sink.close())));

  async function connected(kcql: string): Promise<OrientdbKcqlSink> {
    const sink = new OrientdbKcqlSink(graph.target, parseKcql(kcql), []);
    sinks.push(sink);
    await sink.connect(signal);
    return sink;
  }

  async function propertiesOf(className: string): Promise<Readonly<Record<string, unknown>>> {
    const rows = await graph.query(
      `SELECT name, type FROM (SELECT expand(properties) FROM (SELECT expand(classes) FROM metadata:schema) WHERE name = '${className}')`,
    );
    // https://orientdb.dev/docs/3.2.x/general/Types.html: the number of each type.
    const types = new Map([
      [0, 'BOOLEAN'],
      [1, 'INTEGER'],
      [3, 'LONG'],
      [5, 'DOUBLE'],
      [7, 'STRING'],
    ]);
    return Object.fromEntries(rows.map(({ name, type }) => [name, types.get(type as number) ?? type]));
  }

  it('makes class, properties of the Avro types and a unique index, and vertices with the values', async () => {
    const sink = await connected(
      'UPSERT INTO Typed SELECT site, number, reading AS value, open, photo, either, place.room AS room FROM meters PK site, number',
    );
    assert.deepEqual(await sink.write([record(7)], signal), {});
    assert.deepEqual(await propertiesOf('Typed'), {
      ...{ site: 'STRING', number: 'LONG', value: 'DOUBLE', open: 'BOOLEAN', photo: 'STRING', room: 'STRING' },
      ...{ _topic: 'STRING', _partition: 'INTEGER', _offset: 'LONG' },
    });
    const [row] = await graph.query(
      'SELECT site, number, value, open, photo, either, room, _topic, _partition, _offset FROM Typed',
    );
    assert.deepEqual(
      { ...row },
      {
        ...{ site: 'a', number: 1, value: 1.5, open: true, photo: 'AQI=', either: 'x', room: 'cellar' },
        ...{ _topic: 'meters', _partition: 0, _offset: 7 },
      },
    );
    await assert.rejects(graph.command("CREATE VERTEX Typed SET site = 'a', number = 1"), (error) =>
      hasCode(error, 'SINK_UNAVAILABLE'),
    );
    assert.deepEqual({ ...sink.counters }, { vertices_written: 1, values_not_finite: 0, conflicts: 0 });
  });

  it('shows the newest record of a key, also when older ones come again', async () => {
    const sink = await connected('UPSERT INTO Latest SELECT site, number, reading FROM meters PK site, number');
    const reading = async () => (await graph.query('SELECT reading, _offset FROM Latest')).map((row) => ({ ...row }));
    const batch = [record(1), record(2, { reading: { double: 2.5 } }), record(3, { reading: null })];
    for (let pass = 0; pass < 2; pass++) {
      await sink.write(batch, signal);
      assert.deepEqual(await reading(), [{ reading: null, _offset: 3 }]);
      await sink.write(batch.slice(0, 2), signal);
      assert.deepEqual(await reading(), [{ reading: null, _offset: 3 }]);
    }
    // Offsets of another partition, or topic, say nothing of the order: what comes later counts.
    await sink.write([record(0, { reading: { double: 9 } }, { partition: 1 })], signal);
    assert.deepEqual(await reading(), [{ reading: 9, _offset: 0 }]);
  });

  it('keeps what an older writer does not know', async () => {
    const sink = await connected('UPSERT INTO Grown SELECT site, open, number FROM meters PK site');
    const { open: _, ...old } = VALUE;
    await sink.write(
      [record(1, { open: false }), record(2, {}, { value: { ...old, number: 5 }, schema: OLD_METER } as object)],
      signal,
    );
    const [row] = await graph.query('SELECT open, number FROM Grown');
    assert.deepEqual({ ...row }, { open: false, number: 5 });
  });

  it('keeps the first of a key by INSERT, and each record where there is no key', async () => {
    const sink = await connected(
      'INSERT INTO First SELECT site, number FROM meters PK site; INSERT INTO Every SELECT * FROM meters IGNORE photo',
    );
    for (let pass = 0; pass < 2; pass++) {
      await sink.write([record(1), record(2, { number: 2 }), record(2, { number: 3 }, { partition: 1 })], signal);
      assert.deepEqual(
        (await graph.query('SELECT number FROM First')).map(({ number }) => number),
        [1],
      );
      const rows = await graph.query('SELECT number, place_room, photo FROM Every ORDER BY number');
      assert.deepEqual(
        rows.map(({ number, place_room, photo }) => [number, place_room, photo ?? null]),
        [1, 2, 3].map((number) => [number, 'cellar', null]),
      );
    }
  });

  it('writes to the class of the time that a record has', async () => {
    const sink = await connected('INSERT INTO Meter_$' + '{yyyyMM} SELECT number FROM meters WITHTIMESTAMP at');
    await sink.write([record(1), record(2, { at: Date.UTC(2026, 0, 31) })], signal);
    assert.equal(await graph.count('Meter_202609'), 1);
    assert.equal(await graph.count('Meter_202601'), 1);
  });

  it('stores numbers at the ends of their range, and leaves out what is none', async () => {
    const sink = await connected('UPSERT INTO Ends SELECT number, reading FROM meters PK number');
    const readings = [1e300, -1e300, 5e-324, 0.1, -0, 2 ** 53, 3];
    const batch = readings.map((double, number) => record(number, { number, reading: { double } }));
    await sink.write([...batch, record(90, { number: -(2 ** 40), reading: { double: Number.NaN } })], signal);
    const rows = await graph.query('SELECT number, reading FROM Ends ORDER BY number');
    assert.deepEqual(
      rows.map(({ number, reading }) => [number, reading]),
      [[-(2 ** 40), null], ...readings.map((reading, number) => [number, reading === 0 ? 0 : reading])],
    );
    assert.equal(sink.counters.values_not_finite, 1);
  });

  it('takes texts of any spelling for themselves', async () => {
    const sink = await connected('UPSERT INTO Texts SELECT site FROM meters PK site');
    const texts = [`a'b"c\n\\$d`, '#12:0', '$r', ':rows', '', ' ', '@rid', '`; DELETE VERTEX V;', 'ü😀'];
    await sink.write(
      texts.map((site, offset) => record(offset, { site })),
      signal,
    );
    const rows = await graph.query('SELECT site FROM Texts');
    assert.deepEqual(rows.map(({ site }) => site).sort(), [...texts].sort());
  });

  it('refuses for good what cannot be a vertex, and skips what has no value', async () => {
    const sink = await connected('UPSERT INTO Picky SELECT number, site, reading FROM meters PK reading');
    const refused = (error: unknown) => hasCode(error, 'SINK_REFUSED') && !isRetriable(error);
    await assert.rejects(sink.write([record(1, { reading: null })], signal), refused);
    const keyed = await connected('UPSERT INTO Keyed SELECT site FROM meters PK site');
    await assert.rejects(keyed.write([record(1, { site: 'x'.repeat(20_000) })], signal), refused);
    await keyed.write([record(2)], signal);
    assert.equal(await graph.count('Keyed'), 1);
    const optional = await connected('INSERT INTO Optional SELECT reading FROM meters');
    assert.deepEqual(
      await optional.write([record(1, { reading: null }), record(2, { reading: { double: Infinity } })], signal),
      { no_field: 1, not_finite: 1 },
    );
  });

  it('waits, with the reason, when the class is there and is no vertex class', async () => {
    await graph.command('CREATE CLASS Papers');
    const sink = await connected('UPSERT INTO Papers SELECT site FROM meters PK site');
    await assert.rejects(
      sink.write([record(1)], signal),
      (error) => isRetriable(error) && /vertex/.test(String(error)),
    );
    assert.equal(await graph.count('Papers'), 0);
  });

  it('lets two writers of the same keys end with one vertex each', async () => {
    const [one, other] = await Promise.all(
      [0, 1].map(() => connected('UPSERT INTO Shared SELECT number, reading FROM meters PK number')),
    );
    const batch = Array.from({ length: 300 }, (_, number) => record(number, { number }));
    await one!.write(batch.slice(0, 1), signal);
    await Promise.all([one!.write(batch, signal), other!.write([...batch].reverse(), signal)]);
    assert.equal(await graph.count('Shared'), 300);
  });
});
