import assert from 'node:assert/strict';
import { sleep } from '../../common/lifecycle.ts';
import type { Stack } from '../../stack/stack.ts';
import { CloudUnderTest, eventually } from '../integration/connectors/cloud.ts';
import { Bucket, observation, START_MS, targetOf } from '../integration/connectors/influx-records.ts';
import { useStack } from '../rig/rig.ts';
import { WorkerProcess } from './connect-worker.ts';

const SETTLE_MS = 120_000;
const TASKS = 4;

describe('connect workers that are killed, and their Kafka away', function () {
  this.timeout(300_000);
  let cloud: CloudUnderTest;
  let stack: Stack;
  let name: string;
  let bucket: Bucket;
  let produced = 0;
  const workers = new Set<WorkerProcess>();
  const groupId = `workers${process.pid}`;

  const start = async (restPort?: number) => {
    const worker = await WorkerProcess.start(cloud, groupId, restPort);
    workers.add(worker);
    return worker;
  };
  const end = async (worker: WorkerProcess, signal: 'SIGKILL' | 'SIGTERM') => {
    workers.delete(worker);
    await worker.end(signal);
  };
  const produce = async (count: number) => {
    const values = Array.from({ length: count }, () => {
      const ep = `e${produced % 7}`;
      return { ep, value: observation(cloud.gatewayId, ep, { timestamp: START_MS + produced++ }) };
    });
    await cloud.produce('observations', values);
  };
  /** Each task is RUNNING at one of those that are there, and each worker's own account says so. */
  const assertShared = async (...living: readonly WorkerProcess[]) => {
    const ids = new Set(living.map(({ restPort }) => `RUNNING 127.0.0.1:${restPort}`));
    for (const worker of living)
      await eventually(
        true,
        async () => {
          const owners = await worker.owners(name);
          return owners.length === TASKS && owners.every((owner) => ids.has(owner));
        },
        SETTLE_MS,
      );
    await eventually(TASKS, () => inState('RUNNING', ...living), SETTLE_MS);
  };
  const inState = async (state: string, ...living: readonly WorkerProcess[]) => {
    const pages = await Promise.all(living.map((worker) => worker.metrics()));
    return pages.reduce((sum, page) => sum + page.sum('zeelos_connect_tasks', name, `state="${state}"`), 0);
  };

  before(async () => {
    stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, groupId);
    bucket = new Bucket(stack, cloud.gatewayId);
    name = `${cloud.gatewayId}-influx`;
    await cloud.enrol();
    await cloud.makeTopics();
  });
  after(async () => {
    await Promise.all([...workers].map((worker) => worker.end('SIGTERM')));
    await cloud?.close();
  });

  it('shares tasks rightly when workers are killed while others join', async () => {
    let oldest = await start();
    const made = await oldest.ask('PUT', `/connectors/${name}/config`, {
      'connector.class': 'InfluxSinkConnector',
      'tasks.max': String(TASKS),
      topics: cloud.topic('observations'),
      'connect.influx.url': targetOf(stack).url,
      'connect.influx.token': (await targetOf(stack).credentials()).token,
      'connect.influx.db': 'zeelosdb',
      'connect.influx.retry.interval': '1000',
    });
    assert.equal(made.status, 201, made.text);
    await assertShared(oldest);
    for (let round = 0; round < 3; round++) {
      // It answers before the group has shared anew: the other dies in the middle of that.
      const joining = await start();
      await produce(200);
      await end(oldest, 'SIGKILL');
      await produce(200);
      await assertShared(joining);
      oldest = joining;
    }
    await eventually(produced, () => bucket.count(), SETTLE_MS);
  });

  it('does not say RUNNING of tasks whose worker vanished and came back', async () => {
    const [first] = [...workers];
    const { restPort } = first!;
    await end(first!, 'SIGKILL');
    // Started with the same id while the group still waits for its former life.
    const again = await start(restPort);
    const seen = await again.owners(name);
    const isKnown = (owner: string) => owner === `UNASSIGNED 127.0.0.1:${restPort}` || owner.startsWith('RUNNING');
    assert.ok(seen.length === TASKS && seen.every(isKnown), seen.join());
    const own = await inState('RUNNING', again);
    assert.ok(seen.filter((owner) => owner.startsWith('RUNNING')).length <= own, `${seen.join()}, but ${own} run`);
    await assertShared(again);
  });

  it('goes on when Kafka comes back after longer than a session and a write may last', async () => {
    const second = await start();
    const [first] = [...workers];
    await assertShared(first!, second);
    await stack.kill('kafka-cloud');
    const awayAt = performance.now();
    assert.equal((await first!.owners(name)).length, TASKS);
    await eventually(TASKS, () => inState('WAITING', first!, second), SETTLE_MS);
    await sleep(Math.max(0, awayAt + 40_000 - performance.now()));
    assert.equal((await first!.ask('GET', `/connectors/${name}`)).status, 200);
    await stack.start('kafka-cloud');
    await stack.ready('kafka-cloud');
    await produce(500);
    await eventually(produced, () => bucket.count(), SETTLE_MS);
    await assertShared(first!, second);
    assert.equal((await second.ask('PUT', `/connectors/${name}/pause`)).status, 202);
    await eventually(Array(TASKS).fill('PAUSED'), () => first!.states(name), SETTLE_MS);
    assert.equal((await first!.ask('DELETE', `/connectors/${name}`)).status, 204);
    await eventually(404, async () => (await second.ask('GET', `/connectors/${name}`)).status);
  });
});
