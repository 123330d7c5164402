import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import type { ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { sleep } from '../../../common/lifecycle.ts';
import { createLog } from '../../../common/log.ts';
import { freePorts, type Stack } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';

export const quiet = createLog('test', 'silent');

export interface TwoClusters {
  readonly stack: Stack;
  readonly edge: KafkaCluster;
  readonly cloud: KafkaCluster;
  readonly edgeBrokers: string[];
  readonly cloudBrokers: string[];
}

export async function useTwoClusters(): Promise<TwoClusters> {
  const stack = await useStack('kafka-edge', 'kafka-cloud');
  const edgeBrokers = [`127.0.0.1:${stack.ports.kafkaEdge}`];
  const cloudBrokers = [`127.0.0.1:${stack.ports.kafkaCloud}`];
  return {
    stack,
    edgeBrokers,
    cloudBrokers,
    edge: connectKafka({ brokers: edgeBrokers, clientId: 'test' }, quiet),
    cloud: connectKafka({ brokers: cloudBrokers, clientId: 'test' }, quiet),
  };
}

let runs = 0;

/** A gateway id that no other test of this run uses. */
export function newGatewayId(): string {
  return `rep${process.pid}-${++runs}`;
}

export interface ReplicatorProcess {
  readonly process: ChildProcess;
  readonly healthUrl: string;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** The replicator in a process of its own, so that it can be killed. */
export async function spawnReplicator(
  gatewayId: string,
  at: Pick<TwoClusters, 'edgeBrokers' | 'cloudBrokers'>,
): Promise<ReplicatorProcess> {
  const healthPort = (await freePorts()).registry;
  const flags = {
    'gateway-id': gatewayId,
    'edge-brokers': at.edgeBrokers.join(','),
    'cloud-brokers': at.cloudBrokers.join(','),
    'health-port': String(healthPort),
  };
  const command = new URL('../../../bin/zeelos.ts', import.meta.url).pathname;
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const env = { PATH: process.env.PATH, ZEELOS_LOG_LEVEL: process.env.ZEELOS_LOG_LEVEL ?? 'silent' };
  const child = spawn(process.execPath, [command, 'replicator', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    await exited;
  };
  return {
    process: child,
    healthUrl: `http://127.0.0.1:${healthPort}`,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

/** Polls until the check gives a value other than undefined or false; fails with what it was waiting for. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    const found = await check().catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) assert.fail(`not within ${timeoutMs} ms: ${what} (last error: ${String(last)})`);
    await sleep(100);
  }
}

export async function isReady(healthUrl: string): Promise<boolean> {
  return (await fetch(`${healthUrl}/readyz`)).status === 200;
}

/** The value of one metric line, 0 when it is not there. */
export async function metric(healthUrl: string, line: string): Promise<number> {
  const text = await (await fetch(`${healthUrl}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(line));
  return found === undefined ? 0 : Number(found.slice(found.lastIndexOf(' ') + 1));
}

/** Everything a topic holds, by partition, in order. */
export async function contents(kafka: KafkaCluster, topic: string): Promise<ConsumedRecord[][]> {
  const partitions: ConsumedRecord[][] = [];
  await readTopic({
    kafka,
    topic,
    onRecord: (record, partition) => {
      while (partitions.length <= partition) partitions.push([]);
      partitions[partition]!.push(record);
    },
    signal: new AbortController().signal,
    log: quiet,
  });
  return partitions;
}

/** What must be the same on both sides. */
export function copiedPart({ key, value, timestamp, headerList }: ConsumedRecord) {
  return {
    key: key?.toString('hex') ?? null,
    value: value?.toString('hex') ?? null,
    timestamp,
    headers: headerList.map((header) => [header.key.toString('hex'), header.value?.toString('hex') ?? null]),
  };
}

/** At least once, in order: each number is the next one or a repeat of an earlier one. Returns the number of repeats. */
export function repeatsIn(numbers: readonly number[], count: number): number {
  let next = 0;
  let repeats = 0;
  for (const number of numbers) {
    if (number === next) next++;
    else if (number < next) repeats++;
    else assert.fail(`after ${next - 1} comes ${number}`);
  }
  assert.equal(next, count);
  return repeats;
}
