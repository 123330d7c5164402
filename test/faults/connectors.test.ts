import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sleep } from '../../common/lifecycle.ts';
import { freePorts, type Stack } from '../../stack/stack.ts';
import { CloudUnderTest, eventually } from '../integration/connectors/cloud.ts';
import { Bucket, observation, START_MS, targetOf } from '../integration/connectors/influx-records.ts';
import { useStack } from '../rig/rig.ts';

const CLI = fileURLToPath(new URL('../../bin/zeelos.ts', import.meta.url));
const SETTLE_MS = 120_000;

/** A worker in a process of its own, so that it can be killed. */
class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #restPort: number;

  private constructor(child: ChildProcess, restPort: number) {
    this.#child = child;
    this.#restPort = restPort;
  }

  static async start(cloud: CloudUnderTest, groupId: string): Promise<WorkerProcess> {
    const ports = await freePorts();
    const flags = {
      'kafka-brokers': cloud.brokers.join(),
      'registry-url': cloud.registryUrl,
      'group-id': groupId,
      'rest-port': ports.registry,
      'health-port': ports.influxdb,
      'session-seconds': 6,
    };
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const env = { ...process.env, ZEELOS_LOG_LEVEL: 'fatal' };
    const child = spawn(process.execPath, [CLI, 'connect', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
    const worker = new WorkerProcess(child, ports.registry);
    await eventually(
      200,
      async () =>
        await worker.ask('GET', '/connectors').then(
          ({ status }) => status,
          () => 0,
        ),
      60_000,
    );
    return worker;
  }

  async ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.#restPort}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async states(name: string): Promise<readonly string[]> {
    const { text } = await this.ask('GET', `/connectors/${name}/status`);
    return ((JSON.parse(text) as { tasks?: { state: string }[] }).tasks ?? []).map(({ state }) => state);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill(signal);
    await gone;
  }
}

/** Numbered observations, one in fifty of them poison and one a tombstone, until stopped. */
class Load {
  readonly #cloud: CloudUnderTest;
  readonly #running: Promise<void>;
  #stopped = false;
  good = 0;
  poison = 0;

  constructor(cloud: CloudUnderTest) {
    this.#cloud = cloud;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { gatewayId } = this.#cloud;
    while (!this.#stopped) {
      // Many of one millisecond and one series: their place in the topic keeps them apart.
      const values = Array.from({ length: 98 }, () => {
        const number = this.good++;
        return observation(gatewayId, `ep${number % 7}`, {
          timestamp: START_MS + Math.floor(number / 50),
          ticket: `${number}`,
        });
      });
      await this.#cloud.produce(
        'observations',
        values.map((value) => ({ ep: value.ep, value })),
      );
      await this.#cloud.produceBytes('observations', Buffer.from(`p${this.poison++}`), Buffer.from('no frame'));
      await this.#cloud.produceBytes('observations', Buffer.from(`t${this.poison}`), null);
      await sleep(50);
    }
  }
}

describe('connectors under load', function () {
  this.timeout(300_000);
  let cloud: CloudUnderTest;
  let stack: Stack;
  const workers: WorkerProcess[] = [];
  const groupId = `faults${process.pid}`;

  before(async () => {
    stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, `faults${process.pid}`);
    await cloud.enrol();
    await cloud.makeTopics();
  });
  after(async () => {
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
    await cloud?.close();
  });

  it('stores or sets aside each record, and stores none twice, while the store and workers are killed', async () => {
    const name = `${cloud.gatewayId}-influx`;
    workers.push(await WorkerProcess.start(cloud, groupId));
    const topic = cloud.topic('observations');
    const made = await workers[0]!.ask('PUT', `/connectors/${name}/config`, {
      'connector.class': 'InfluxSinkConnector',
      'tasks.max': '2',
      topics: topic,
      'connect.influx.url': targetOf(stack).url,
      'connect.influx.token': (await targetOf(stack).credentials()).token,
      'connect.influx.db': 'zeelosdb',
      'connect.influx.retry.interval': '1000',
      'connect.influx.kcql': `INSERT INTO resources SELECT rep.body.content.value AS value, rep.code AS code, ticket FROM ${topic}
        WITHTIMESTAMP timestamp WITHTAG (ep, serverId, path)`,
      'batch.records': '500',
    });
    assert.equal(made.status, 201, made.text);
    await eventually(['RUNNING', 'RUNNING'], () => workers[0]!.states(name));
    const load = new Load(cloud);
    try {
      await sleep(2_000);
      await stack.kill('influxdb');
      await sleep(3_000);
      await stack.start('influxdb');
      await stack.ready('influxdb');
      // A second worker: the group shares the tasks anew while records flow.
      workers.push(await WorkerProcess.start(cloud, groupId));
      const pid = stack.pid('influxdb')!;
      process.kill(pid, 'SIGSTOP');
      await sleep(3_000);
      process.kill(pid, 'SIGCONT');
      await sleep(1_000);
      await workers[0]!.end('SIGKILL');
      await sleep(8_000);
    } finally {
      await load.stop();
    }
    const bucket = new Bucket(stack, cloud.gatewayId);
    await eventually(load.good, () => bucket.count(), SETTLE_MS);
    const letters = async () => {
      const all = await cloud.deadLetters('observations');
      return new Set(all.map(({ headers }) => `${headers?.['zeelos.dlq.partition']}/${headers?.['zeelos.dlq.offset']}`))
        .size;
    };
    await eventually(load.poison, letters, SETTLE_MS);
    assert.ok(load.good > 2_000, `only ${load.good} records were produced`);
    assert.deepEqual(await workers[1]!.states(name), ['RUNNING', 'RUNNING']);
    assert.equal(await cloud.recordCount('observations'), load.good + 2 * load.poison);
    const tickets = new Set((await bucket.rows()).map(({ ticket }) => ticket));
    assert.equal(tickets.size, load.good);
  });

  it('shows each endpoint once when the graph is killed while registrations come', async () => {
    await useStack('orientdb');
    stack = await useStack('kafka-cloud', 'registry', 'influxdb', 'orientdb');
    const { database, user, passwordFile } = stack.credentials.orientdb;
    const password = readFileSync(passwordFile, 'utf8').trim();
    const worker = workers.at(-1)!;
    const name = `${cloud.gatewayId}-graph`;
    const made = await worker.ask('PUT', `/connectors/${name}/config`, {
      'connector.class': 'OrientSinkConnector',
      topics: cloud.topic('registrations'),
      'connect.orient.url': `remote:127.0.0.1:${stack.ports.orientdbBinary}/${database}`,
      'connect.orient.user': user,
      'connect.orient.password': password,
      'connect.orient.retry.interval': '1000',
      'batch.records': '100',
    });
    assert.equal(made.status, 201, made.text);
    const count = 2_000;
    const produced = (async () => {
      for (let at = 0; at < count; at += 100) {
        const values = Array.from({ length: 100 }, (_, index) => registration(cloud.gatewayId, at + index));
        await cloud.produce('registrations', values);
        await sleep(50);
      }
    })();
    await sleep(500);
    await stack.kill('orientdb');
    await produced;
    await stack.start('orientdb');
    await stack.ready('orientdb');
    const ask = async (sql: string) => {
      const url = `http://127.0.0.1:${stack.ports.orientdbHttp}/query/${database}/sql/${encodeURIComponent(sql)}`;
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
      const answer = await fetch(url, { headers: { authorization } });
      return answer.ok ? ((await answer.json()) as { result: { n: number }[] }).result[0]?.n : undefined;
    };
    const where = `WHERE name LIKE 'd-${cloud.gatewayId}-%'`;
    await eventually(count, () => ask(`SELECT count(*) AS n FROM Endpoints ${where}`), SETTLE_MS);
    await eventually(
      count,
      () => ask(`SELECT count(*) AS n FROM hasObject WHERE out.name LIKE 'd-${cloud.gatewayId}-%'`),
      SETTLE_MS,
    );
    assert.deepEqual(await worker.states(name), ['RUNNING']);
  });
});

function registration(serverId: string, number: number) {
  const ep = `d-${serverId}-${number}`;
  const record = {
    ...{
      ep,
      serverId,
      regDate: START_MS,
      address: '127.0.0.1',
      port: 1,
      regAddr: 'a',
      regPort: 5683,
      lt: 30,
      sms: null,
    },
    ...{ ver: '1.0', bnd: 'U', regId: `r${number}`, links: [{ url: '/3/0', at: {} }], attributes: null, root: '/' },
    lastUp: START_MS,
  };
  return { ep, value: { kind: 'NEW', body: { 'io.zeelos.leshan.avro.registration.AvroRegistrationNew': record } } };
}
