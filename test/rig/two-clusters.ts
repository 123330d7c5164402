import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../common/log.ts';
import { freePorts, type ServerName, type Stack, startStack } from '../../stack/stack.ts';
import { KafkaRecords } from '../peers/kafka-records.ts';
import { closeAtEnd } from './rig.ts';
import { WanProxy } from './wan-proxy.ts';

export type Side = 'edge' | 'cloud';

export const BROKER_OF = { edge: 'kafka-edge', cloud: 'kafka-cloud' } as const;

/** An edge and a cloud with a WAN between, apart from the servers that other tests share: here brokers are killed and their files changed. */
export interface TwoClusters {
  readonly stack: Stack;
  /** Addresses past the WAN, for the test's own eyes. */
  readonly brokers: Readonly<Record<Side, string>>;
  readonly wan: WanProxy;
  readonly records: KafkaRecords;
  /** Where the side's broker keeps a partition. */
  partitionFolder(side: Side, topic: string, partition: number): string;
  /** A file of a name that no other has. */
  scratchFile(): string;
}

/** Compaction and retention within a second or two instead of minutes. */
const QUICK_CLEANING = {
  'log.cleaner.backoff.ms': 200,
  'log.retention.check.interval.ms': 1_000,
  'log.initial.task.delay.ms': 500,
};

let clusters: Promise<TwoClusters> | undefined;

/** The same for all tests of one mocha process. Tests keep apart by their gateway ids. */
export function useTwoClusters(): Promise<TwoClusters> {
  clusters ??= openTwoClusters();
  return clusters;
}

async function openTwoClusters(): Promise<TwoClusters> {
  const dataDir = mkdtempSync(join(tmpdir(), 'zeelos-clusters-'));
  // Those of servers that this stack does not run are free for the WAN: where the broker listens, and what it advertises there.
  const ports = await freePorts();
  const [listens, advertises] = [ports.influxdb, ports.orientdbHttp];
  const cloud = {
    listeners: `PLAINTEXT://127.0.0.1:${ports.kafkaCloud},WAN://127.0.0.1:${listens},CONTROLLER://127.0.0.1:${ports.kafkaCloudController}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.kafkaCloud},WAN://127.0.0.1:${advertises}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,WAN:PLAINTEXT,CONTROLLER:PLAINTEXT',
  };
  const stack = await startStack({
    dataDir,
    ports,
    servers: ['kafka-edge', 'kafka-cloud'],
    brokerSettings: { 'kafka-edge': QUICK_CLEANING, 'kafka-cloud': { ...QUICK_CLEANING, ...cloud } },
    log: createLog('rig', 'error'),
    onProgress: () => {},
  });
  closeAtEnd(async () => {
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const records = await KafkaRecords.start();
  closeAtEnd(() => records.stop());
  const wan = await WanProxy.open({ port: advertises, targetPort: listens });
  closeAtEnd(() => wan.close());
  await Promise.all((['kafka-edge', 'kafka-cloud'] satisfies ServerName[]).map((name) => stack.ready(name)));
  let files = 0;
  return {
    stack,
    brokers: { edge: `127.0.0.1:${ports.kafkaEdge}`, cloud: `127.0.0.1:${ports.kafkaCloud}` },
    wan,
    records,
    partitionFolder: (side, topic, partition) => join(dataDir, BROKER_OF[side], 'data', `${topic}-${partition}`),
    scratchFile: () => join(dataDir, `scratch-${++files}`),
  };
}
