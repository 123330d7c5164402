import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { isRetriable } from '../../../common/errors.ts';
import { committedOffsets } from '../../../common/kafka/topics.ts';
import { type InputGateway, type Reading, T0 } from './input.ts';

const BIN = join(import.meta.dirname, '../../../bin/zeelos.ts');
const WINDOW_MS = 10_000;
const STEP_MS = 25;
const FLAGS = [
  `--window-seconds=${WINDOW_MS / 1_000}`,
  ...['--grace-seconds=5', '--emit=final', '--commit-ms=20', '--fetch-bytes=16384', '--session-seconds=6'],
  '--health-port=0',
];

/** Times go up by 25 ms, with disorder of up to two seconds. */
export function disorderedReadings(count: number, endpoints: number, from = 0): Reading[] {
  return Array.from({ length: count }, (_, index) => {
    const i = from + index;
    const atMs = T0 + i * STEP_MS - ((i * 7_919) % 2_000);
    return { ep: `ep${i % endpoints}`, value: ((i * 31) % 997) / 4, atMs, writtenMs: T0 + i * STEP_MS };
  });
}

/** One for each endpoint: it closes all windows of its partition that the readings opened. */
export function closingReadings(count: number, endpoints: readonly string[]): Reading[] {
  return endpoints.map((ep) => ({ ep, value: 0, atMs: T0 + 10 * count * STEP_MS }));
}

/** A worker of `downsample` in a process of its own, small fetches and frequent commits. */
export function startDownsample(gateway: InputGateway): ChildProcess {
  const { gatewayId, servers, snapshotFile } = gateway;
  const where = [
    `--gateway-id=${gatewayId}`,
    `--kafka-brokers=${servers.kafkaBrokers.join()}`,
    `--registry-url=${servers.registryUrl}`,
    `--snapshot-file=${snapshotFile}`,
  ];
  const env = { ...process.env, ZEELOS_LOG_LEVEL: process.env.ZEELOS_LOG_LEVEL ?? 'silent' };
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
  return spawn(process.execPath, [BIN, 'stream', 'downsample', ...where, ...FLAGS], { stdio: [...stdio], env });
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** How far the group of `downsample` is, over all partitions; what was last heard while its coordinator is away. */
export class Progress {
  readonly #gateway: InputGateway;
  #known = new Map<number, number>();

  constructor(gateway: InputGateway) {
    this.#gateway = gateway;
  }

  async byPartition(): Promise<ReadonlyMap<number, number>> {
    const { kafka, gatewayId } = this.#gateway;
    const groupId = `zeelos-stream-downsample.${gatewayId}`;
    try {
      const offsets = await committedOffsets(kafka, groupId, this.#gateway.topicOf('observations'));
      this.#known = new Map([...offsets].map(([partition, offset]) => [partition, Number(offset)]));
    } catch (error) {
      if (!isRetriable(error)) throw error;
    }
    return this.#known;
  }

  async committed(): Promise<number> {
    return [...(await this.byPartition()).values()].reduce((sum, offset) => sum + offset, 0);
  }
}

/** Each window is there once, with what a run without disturbance would have written: computed the simple way. */
export async function assertWhole(gateway: InputGateway, all: readonly Reading[]): Promise<void> {
  const results = await gateway.read('downsampled');
  const seen = results.map(({ value: { ep, windowStart, count, min, max, mean } }): [string, string] => [
    `${ep}@${windowStart}`,
    `${count} ${min} ${max} ${mean.toFixed(6)}`,
  ]);
  assert.equal(new Set(seen.map(([key]) => key)).size, seen.length, 'a window was written twice');
  assert.deepEqual(new Map(seen.sort()), new Map([...expected(all)].sort()));
}

function expected(of: readonly Reading[]): Map<string, string> {
  const windows = new Map<string, number[]>();
  for (const { ep, value, atMs } of of) {
    const key = `${ep}@${Math.floor(atMs / WINDOW_MS) * WINDOW_MS}`;
    const values = windows.get(key) ?? [];
    values.push(value as number);
    windows.set(key, values);
  }
  return new Map([...windows].map(([key, values]) => [key, summary(values)]));
}

function summary(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `${values.length} ${Math.min(...values)} ${Math.max(...values)} ${mean.toFixed(6)}`;
}
