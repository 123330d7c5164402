import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureTopics } from '../../common/kafka/topics.ts';
import { selfContainedSchema } from '../../schemas/avro-types.ts';
import { TOPICS, type TopicName } from '../../schemas/topics.ts';
import type { InputGateway } from '../integration/streams/input.ts';
import { T0 } from '../integration/streams/input.ts';
import { TestWorker } from '../integration/streams/worker.ts';
import { provideFlink, runSql, sqlOf } from './flink.ts';
import { GRACE_SECONDS, gatewayWithInput } from './input.ts';
import { type AlarmRow, alarm, alarms, downsampled, jsonRows, MinuteLog, maxima, singles, sorted } from './rows.ts';

const WINDOW_SECONDS = 60;
const ANALYSES = ['counts', 'maxper30sec', 'downsample', 'alarms', 'singles'] as const;
const RULES = [
  { name: 'too-hot', kind: 'threshold', path: '/3303/9/5700', above: 80, clearsAt: 60 },
  { name: 'jump', kind: 'rate', path: '/3303/9/5700', perSecond: 20, clearsAt: 18 },
  { name: 'mute', kind: 'silence', endpoint: 'quiet-*', seconds: 20 },
];
/** The same rules, as alarms.sql takes them. */
const RULES_FOR_SQL = {
  ...{ thresholdRule: 'too-hot', thresholdPath: '^/3303/9/5700$', above: '80', thresholdClearsAt: '60' },
  ...{ rateRule: 'jump', ratePath: '^/3303/9/5700$', perSecond: '20', rateClearsAt: '18' },
  ...{ silenceRule: 'mute', silenceEndpoint: '^quiet-', silenceSeconds: '20' },
};

function schemasOf(name: TopicName): { keySchema: string; valueSchema: string } {
  const { key, value } = TOPICS[name];
  return {
    keySchema: JSON.stringify(selfContainedSchema(key)),
    valueSchema: JSON.stringify(selfContainedSchema(value)),
  };
}

describe('streams/flink: on Flink each analysis writes the rows that ours writes', function () {
  this.timeout(600_000);
  const minutes = new MinuteLog();
  let ours: InputGateway;
  let flinks: InputGateway;

  before(async () => {
    const files = await provideFlink((text) => process.stderr.write(`${text}\n`));
    const given = await gatewayWithInput();
    ours = given.gateway;
    flinks = (await gatewayWithInput()).gateway;
    await Promise.all([runOurs(given.records), runFlink(files)]);
  });

  after(() => {
    ours?.close();
    flinks?.close();
  });

  async function runOurs(records: number): Promise<void> {
    const rulesFile = join(ours.folder, 'rules.json');
    writeFileSync(rulesFile, JSON.stringify({ rules: RULES }));
    const flags = [`--window-seconds=${WINDOW_SECONDS}`, `--grace-seconds=${GRACE_SECONDS}`, '--emit=final'];
    for (const analysis of ANALYSES) {
      const worker = new TestWorker(ours, analysis, [...flags, `--rules-file=${rulesFile}`], minutes.log);
      try {
        await worker.has('records_in_total', records);
      } finally {
        await worker.stop();
      }
    }
  }

  async function runFlink(classPath: string): Promise<void> {
    const { gatewayId, servers } = flinks;
    const topics = [
      'counts',
      'observations.maxper30sec.rows',
      'observations.single.rows',
      'observations.downsampled',
      'alarms.rows',
    ];
    await ensureTopics(
      flinks.kafka,
      topics.map((name) => ({ topic: `analytics.${gatewayId}.${name}`, partitions: 1 })),
    );
    const common = {
      gateway: gatewayId,
      brokers: servers.kafkaBrokers.join(),
      registry: servers.registryUrl,
      graceSeconds: String(GRACE_SECONDS),
      windowSeconds: String(WINDOW_SECONDS),
      boundedMode: 'latest-offset',
      ...RULES_FOR_SQL,
    };
    const files = ANALYSES.map((analysis) => {
      const file = join(flinks.folder, `${analysis}.sql`);
      const schemas = analysis === 'downsample' ? schemasOf('downsampled') : {};
      writeFileSync(file, sqlOf(`${analysis}.sql`, { ...common, ...schemas }));
      return file;
    });
    await runSql(classPath, files);
  }

  function assertSame(theirs: readonly string[], expected: readonly string[], atLeast: number): void {
    assert.ok(sorted(expected).length >= atLeast, `only ${sorted(expected).length} rows`);
    assert.deepEqual(sorted(theirs), sorted(expected));
  }

  it('counts.sql', async () => {
    type Row = { ep: string; path: string | null; windowStart: number; count: number };
    const theirs = await jsonRows<Row>(flinks, 'counts', ({ ep, path, windowStart, count }) =>
      path === null ? `${ep} ${windowStart - T0} ${count}` : `${ep}.${path} ${windowStart - T0} ${count}`,
    );
    assertSame(theirs, minutes.rows, 100);
  });

  it('maxper30sec.sql', async () => {
    type Row = { ep: string; path: string; windowStart: number; timestamp: number; value: number };
    const theirs = await jsonRows<Row>(flinks, 'observations.maxper30sec.rows', (row) => {
      const { ep, path, windowStart, timestamp, value } = row;
      return `${ep} ${path} ${windowStart - T0} ${timestamp - T0} ${value}`;
    });
    assertSame(theirs, await maxima(ours), 100);
  });

  it('downsample.sql', async () => assertSame(await downsampled(flinks), await downsampled(ours), 100));

  it('alarms.sql: a threshold with hysteresis, a rate, a silence', async () => {
    const expected = await alarms(ours);
    for (const what of ['too-hot THRESHOLD', 'jump RATE', 'mute SILENCE'])
      for (const state of ['RAISED', 'CLEARED']) assert.ok(expected.some((row) => row.includes(`${what} ${state}`)));
    assertSame(await jsonRows<AlarmRow>(flinks, 'alarms.rows', alarm), expected, 20);
  });

  it('singles.sql', async () => {
    type Row = { ep: string; path: string; timestamp: number; value: number };
    const theirs = await jsonRows<Row>(
      flinks,
      'observations.single.rows',
      ({ ep, path, timestamp, value }) => `${ep} ${path} ${timestamp - T0} ${value}`,
    );
    assertSame(theirs, await singles(ours), 5_000);
  });
});
