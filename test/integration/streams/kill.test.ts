import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { isRetriable } from '../../../common/errors.ts';
import { committedOffsets } from '../../../common/kafka/topics.ts';
import { eventually } from '../../rig/gateway.ts';
import { InputGateway, type Reading, T0 } from './input.ts';

const BIN = join(import.meta.dirname, '../../../bin/zeelos.ts');
const WINDOW_MS = 10_000;
const ENDPOINTS = 20;
const READINGS = 12_000;
const partitionOf = (ep: string) => Number(ep.slice(2)) % 2;

/** Times go up by 25 ms, with disorder of up to two seconds. */
function readings(): Reading[] {
  return Array.from({ length: READINGS }, (_, i) => {
    const atMs = T0 + i * 25 - ((i * 7_919) % 2_000);
    return { ep: `ep${i % ENDPOINTS}`, value: ((i * 31) % 997) / 4, atMs, writtenMs: T0 + i * 25 };
  });
}

/** What an undisturbed run gives, computed the simple way. */
function expected(of: readonly Reading[]): Map<string, string> {
  const windows = new Map<string, number[]>();
  for (const { ep, value, atMs } of of) {
    const key = `${ep}@${Math.floor(atMs / WINDOW_MS) * WINDOW_MS}`;
    windows.set(key, [...(windows.get(key) ?? []), value as number]);
  }
  return new Map([...windows].map(([key, values]) => [key, summary(values)]));
}

function summary(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `${values.length} ${Math.min(...values)} ${Math.max(...values)} ${mean.toFixed(6)}`;
}

function start(gateway: InputGateway): ChildProcess {
  const { gatewayId, servers, snapshotFile } = gateway;
  const flags = [
    `--gateway-id=${gatewayId}`,
    `--kafka-brokers=${servers.kafkaBrokers.join()}`,
    `--registry-url=${servers.registryUrl}`,
    `--snapshot-file=${snapshotFile}`,
    `--window-seconds=${WINDOW_MS / 1_000}`,
    ...['--grace-seconds=5', '--emit=final', '--commit-ms=20', '--fetch-bytes=16384', '--session-seconds=6'],
    '--health-port=0',
  ];
  const env = { ...process.env, ZEELOS_LOG_LEVEL: process.env.ZEELOS_LOG_LEVEL ?? 'silent' };
  return spawn(process.execPath, [BIN, 'stream', 'downsample', ...flags], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env,
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

describe('streams, killed in the middle', function () {
  this.timeout(240_000);
  let gateway: InputGateway;
  let child: ChildProcess | undefined;
  let frozen: ChildProcess | undefined;
  afterEach(async () => {
    for (const one of [child, frozen]) if (one !== undefined) await end(one, 'SIGKILL');
    [child, frozen] = [undefined, undefined];
    known = 0;
    gateway.close();
  });

  let known = 0;
  /** What was last heard, while the coordinator of the group is not there. */
  async function committed(): Promise<number> {
    const groupId = `zeelos-stream-downsample.${gateway.gatewayId}`;
    try {
      const offsets = await committedOffsets(gateway.kafka, groupId, gateway.topicOf('observations'));
      known = [...offsets.values()].reduce((sum, offset) => sum + Number(offset), 0);
    } catch (error) {
      if (!isRetriable(error)) throw error;
    }
    return known;
  }

  /** Each window once, with what a run without disturbance would have written. */
  async function assertWhole(all: readonly Reading[]): Promise<void> {
    const results = await gateway.read('downsampled');
    const seen = results.map(({ value: { ep, windowStart, count, min, max, mean } }): [string, string] => [
      `${ep}@${windowStart}`,
      `${count} ${min} ${max} ${mean.toFixed(6)}`,
    ]);
    assert.equal(new Set(seen.map(([key]) => key)).size, seen.length, 'a window was written twice');
    assert.deepEqual(new Map(seen.sort()), new Map([...expected(all)].sort()));
  }

  it('has committed what a run without kills would have, each window once', async () => {
    gateway = await InputGateway.create(2);
    const all = readings();
    const third = READINGS / 3;
    for (const kill of [0, 1]) {
      const before = await committed();
      await gateway.write(all.slice(kill * third, (kill + 1) * third), partitionOf);
      child = start(gateway);
      // Some of it is committed, more is being worked on.
      await eventually('it commits', async () => (await committed()) > before, 60_000);
      await end(child, 'SIGKILL');
      assert.ok((await committed()) <= (kill + 1) * third);
    }
    await gateway.write(all.slice(2 * third), partitionOf);
    // The last record of each partition closes all windows before it.
    const closing = { value: 0, atMs: T0 + 10 * READINGS * 25 };
    await gateway.write(
      [
        { ep: 'ep0', ...closing },
        { ep: 'ep1', ...closing },
      ],
      partitionOf,
    );
    child = start(gateway);
    await eventually('all is committed', async () => (await committed()) === READINGS + 2, 90_000);
    await end(child, 'SIGTERM');

    await assertWhole(all);
  });

  it('lets one that was frozen, and comes back in the middle, write nothing that its successor writes too', async () => {
    gateway = await InputGateway.create(2);
    const all = readings();
    const half = READINGS / 2;
    await gateway.write(all.slice(0, half), partitionOf);
    frozen = start(gateway);
    await eventually('it commits', async () => (await committed()) > 0, 60_000);
    frozen.kill('SIGSTOP');
    const before = await committed();
    child = start(gateway);
    await eventually(
      'the other goes on',
      async () => (await committed()) > before && (await committed()) >= half,
      60_000,
    );
    frozen.kill('SIGCONT');
    await gateway.write(all.slice(half), partitionOf);
    const closing = { value: 0, atMs: T0 + 10 * READINGS * 25 };
    await gateway.write(
      [
        { ep: 'ep0', ...closing },
        { ep: 'ep1', ...closing },
      ],
      partitionOf,
    );
    await eventually('all is committed', async () => (await committed()) === READINGS + 2, 90_000);
    await Promise.all([end(child, 'SIGTERM'), end(frozen, 'SIGTERM')]);
    await assertWhole(all);
  });
});
