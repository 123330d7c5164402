import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectKafka } from '../../../common/kafka/client.ts';
import { createLog } from '../../../common/log.ts';
import { isPortFree } from '../../../stack/ports.ts';
import { identityOf, isAlive, type ProcessIdentity, residentBytes } from '../../../stack/process-identity.ts';
import { freePorts, SERVER_NAMES, type Stack, type StackPorts, startStack } from '../../../stack/stack.ts';

/** The first run on a machine fetches everything and builds InfluxDB. */
const FIRST_RUN_MS = 20 * 60_000;
const SCHEMA = JSON.stringify({ type: 'record', name: 'Kept', fields: [{ name: 'a', type: 'int' }] });
const TOPIC = 'stack.kept';

const log = createLog('test', 'silent');
const orientUrl = (ports: StackPorts) => `http://127.0.0.1:${ports.orientdbHttp}`;
const registryUrl = (ports: StackPorts) => `http://127.0.0.1:${ports.registry}/apis/ccompat/v7`;
const influxUrl = (ports: StackPorts) => `http://127.0.0.1:${ports.influxdb}/api/v2`;

describe('the real servers', function () {
  this.timeout(60_000);
  let dataDir: string;
  let ports: StackPorts;
  let stack: Stack;
  let schemaId: number;

  const begin = (servers: Parameters<typeof startStack>[0]['servers'] = SERVER_NAMES) =>
    startStack({ dataDir, ports, servers, onProgress() {}, log });

  before(async function () {
    this.timeout(FIRST_RUN_MS);
    dataDir = mkdtempSync(join(tmpdir(), 'zeelos-stack-'));
    ports = await freePorts();
    stack = await begin();
    await timed('first start', stack);
  });

  after(async () => {
    await stack?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('answer a real request each', async () => {
    for (const [broker, topic] of [
      [ports.kafkaEdge, TOPIC],
      [ports.kafkaCloud, 'stack.cloud'],
    ] as const) {
      await withAdmin(broker, async (admin) => {
        await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] });
        assert.ok((await admin.listTopics()).includes(topic));
      });
    }
    schemaId = await register(ports, 'stack.kept-value', SCHEMA);
    await writePoint(stack, 1);
    assert.equal(await countPoints(stack), 1);
    await orient(stack, 'create class Kept extends V');
    await orient(stack, 'insert into Kept set a = 1');
  });

  it('create no topic that nobody asked for', async () => {
    await withAdmin(ports.kafkaEdge, async (admin) => {
      await assert.rejects(admin.fetchTopicMetadata({ topics: ['stack.unasked'] }));
      assert.ok(!(await admin.listTopics()).includes('stack.unasked'));
    });
  });

  it('accept no user with a well-known password and no request without the token', async () => {
    for (const user of ['admin:admin', 'root:root', 'reader:reader']) {
      const headers = { Authorization: `Basic ${Buffer.from(user).toString('base64')}` };
      assert.equal((await fetch(`${orientUrl(ports)}/database/zeelosdb`, { headers })).status, 401);
    }
    assert.equal((await fetch(`${influxUrl(ports)}/buckets`)).status, 401);
  });

  it('keep their secrets out of command lines, environments, logs and other users’ reach', () => {
    const secrets = readdirSync(join(dataDir, 'secrets')).map((name) => join(dataDir, 'secrets', name));
    assert.equal(secrets.length, 3);
    const places = SERVER_NAMES.flatMap((name) =>
      ['cmdline', 'environ'].map((file) => `/proc/${stack.pid(name)}/${file}`),
    );
    const logs = readdirSync(join(dataDir, 'logs')).map((name) => join(dataDir, 'logs', name));
    for (const secret of secrets) {
      assert.equal(statSync(secret).mode & 0o777, 0o600);
      const text = readFileSync(secret, 'utf8').trim();
      for (const place of [...places, ...logs]) assert.ok(!readFileSync(place, 'utf8').includes(text), place);
    }
    assert.equal(statSync(join(dataDir, 'orientdb', 'orientdb-server-config.xml')).mode & 0o777, 0o600);
  });

  it('are not started twice in one data folder: the second is told who runs what', async () => {
    await assert.rejects(
      begin(),
      (error: { code?: string; details?: { pid?: number; servers?: Record<string, string> } }) => {
        assert.equal(error.code, 'STACK_ALREADY_RUNNING');
        assert.equal(error.details?.pid, process.pid);
        assert.deepEqual(Object.keys(error.details?.servers ?? {}), [...SERVER_NAMES]);
        assert.equal(error.details?.servers?.registry, registryUrl(ports));
        return true;
      },
    );
    await stack.ready('registry');
  });

  it('are not started on a busy port, which leaves the running ones alone', async () => {
    const other = mkdtempSync(join(tmpdir(), 'zeelos-stack-'));
    try {
      const second = startStack({ dataDir: other, ports, onProgress() {}, log });
      await assert.rejects(second, { code: 'STACK_PORT_BUSY' });
      const again = startStack({ dataDir: other, ports, onProgress() {}, log });
      await assert.rejects(again, { code: 'STACK_PORT_BUSY' }, 'the refused start let go of its lock');
      await stack.ready('kafka-edge');
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  it('come back on their data after a kill', async () => {
    const pids = SERVER_NAMES.map((name) => stack.pid(name));
    await writePoint(stack, 2);
    const lateId = await register(ports, 'stack.late-value', SCHEMA.replace('Kept', 'Late'));
    await Promise.all(SERVER_NAMES.map((name) => stack.kill(name)));
    for (const name of SERVER_NAMES) await assert.rejects(stack.ready(name), { code: 'SHUTTING_DOWN' });
    await Promise.all(SERVER_NAMES.map((name) => timedStart(stack, name)));
    for (const [i, name] of SERVER_NAMES.entries()) assert.notEqual(stack.pid(name), pids[i]);
    await assertKept(stack, schemaId, 2);
    assert.equal(await register(ports, 'stack.late-value', SCHEMA.replace('Kept', 'Late')), lateId);
  });

  it('that end unasked are no longer ready, and can be started again', async () => {
    process.kill(stack.pid('influxdb')!, 'SIGKILL');
    await until(() => stack.pid('influxdb') === undefined);
    await assert.rejects(stack.ready('influxdb'), { code: 'STACK_START_FAILED' });
    await stack.start('influxdb');
    await stack.ready('influxdb');
    assert.equal(await countPoints(stack), 2);
  });

  it('leave no process and no busy port behind a stop, and start again at once', async () => {
    const running = identitiesOf(stack);
    await stack.stop();
    assert.deepEqual(running.filter(isAlive), []);
    assert.deepEqual(readdirSync(join(dataDir, 'run')), []);
    for (const port of Object.values(ports)) assert.equal(await isPortFree(port), true);
    stack = await begin();
    await timed('second start', stack);
    await assertKept(stack, schemaId, 2);
  });

  it('do not outlive a killed parent: they end with it or at the next start', async () => {
    await stack.stop();
    const servers = ['kafka-edge', 'influxdb', 'orientdb'] as const;
    const script = join(import.meta.dirname, 'hold-stack.ts');
    const args = [script, dataDir, JSON.stringify(ports), ...servers];
    const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const running = (JSON.parse(line.toString()) as number[]).map((pid) => identityOf(pid)!);
    assert.equal(running.filter(isAlive).length, servers.length);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    stack = await begin(servers);
    assert.deepEqual(running.filter(isAlive), []);
    for (const name of servers) await stack.ready(name);
    assert.equal(await countPoints(stack), 2);
  });

  it('that are left by a killed run without the kernel’s help are ended at the next start', async () => {
    await stack.stop();
    const stray = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
    const identity = identityOf(stray.pid!)!;
    writeFileSync(join(dataDir, 'run', 'registry.json'), JSON.stringify(identity));
    stack = await begin(['influxdb']);
    assert.equal(isAlive(identity), false);
    await stack.ready('influxdb');
  });
});

async function timed(what: string, stack: Stack): Promise<void> {
  const startedAtMs = performance.now();
  const figure = async (name: (typeof SERVER_NAMES)[number]): Promise<string> => {
    await stack.ready(name);
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    return `${name} ${seconds} s ${Math.round(residentBytes(stack.pid(name)!) / 2 ** 20)} MB`;
  };
  console.log(`      ${what}: ${(await Promise.all(SERVER_NAMES.map(figure))).join(', ')}`);
}

async function timedStart(stack: Stack, name: (typeof SERVER_NAMES)[number]): Promise<void> {
  const startedAtMs = performance.now();
  await stack.start(name);
  console.log(`      ${name} after a kill: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
}

type Admin = ReturnType<ReturnType<typeof connectKafka>['admin']>;

async function withAdmin(port: number, use: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = connectKafka({ brokers: [`127.0.0.1:${port}`], clientId: 'stack-test' }, log).admin();
  await admin.connect();
  try {
    await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function register(ports: StackPorts, subject: string, schema: string): Promise<number> {
  const answer = await fetch(`${registryUrl(ports)}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema }),
  });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { id: number }).id;
}

async function influx(stack: Stack, path: string, body: string, type: string): Promise<string> {
  const token = readFileSync(stack.credentials.influx.tokenFile, 'utf8').trim();
  const headers = { Authorization: `Token ${token}`, 'Content-Type': type, Accept: 'application/csv' };
  const answer = await fetch(`${influxUrl(stack.ports)}/${path}`, { method: 'POST', headers, body });
  assert.ok(answer.ok, `${path} gave ${answer.status}`);
  return answer.text();
}

async function writePoint(stack: Stack, second: number): Promise<void> {
  const query = 'org=zeelos&bucket=zeelosdb&precision=s';
  await influx(stack, `write?${query}`, `kept a=1 ${1_700_000_000 + second}`, 'text/plain');
}

async function countPoints(stack: Stack): Promise<number> {
  const flux =
    'from(bucket: "zeelosdb") |> range(start: 2023-01-01T00:00:00Z) |> filter(fn: (r) => r._measurement == "kept")';
  const csv = await influx(stack, 'query?org=zeelos', flux, 'application/vnd.flux');
  return csv.split('\n').filter((line) => line.includes(',kept')).length;
}

async function orient(stack: Stack, sql: string): Promise<unknown[]> {
  const password = readFileSync(stack.credentials.orientdb.passwordFile, 'utf8').trim();
  const headers = { Authorization: `Basic ${Buffer.from(`root:${password}`).toString('base64')}` };
  const answer = await fetch(`${orientUrl(stack.ports)}/command/zeelosdb/sql`, { method: 'POST', headers, body: sql });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { result: unknown[] }).result;
}

async function assertKept(stack: Stack, schemaId: number, points: number): Promise<void> {
  const answer = await fetch(`${registryUrl(stack.ports)}/schemas/ids/${schemaId}`);
  assert.deepEqual(JSON.parse(((await answer.json()) as { schema: string }).schema), JSON.parse(SCHEMA));
  assert.equal(await register(stack.ports, 'stack.kept-value', SCHEMA), schemaId);
  assert.equal(await countPoints(stack), points);
  assert.equal((await orient(stack, 'select from Kept')).length, 1);
  await withAdmin(stack.ports.kafkaEdge, async (admin) => assert.ok((await admin.listTopics()).includes(TOPIC)));
}

function identitiesOf(stack: Stack): ProcessIdentity[] {
  return SERVER_NAMES.map((name) => identityOf(stack.pid(name)!)!);
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await sleep(25);
  assert.ok(condition());
}
