import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPILE_CACHE_DIR } from '../../bin/compile-cache.ts';
import { connectKafka, type KafkaCluster } from '../../common/kafka/client.ts';
import { ensureTopics } from '../../common/kafka/topics.ts';
import { sleep } from '../../common/lifecycle.ts';
import { createLog, type Log } from '../../common/log.ts';
import { enrol, type SchemaSnapshot } from '../../common/schema-registry.ts';
import { selfContainedSchema } from '../../schemas/avro-types.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { defaultCacheDir, provide } from '../../stack/cache.ts';
import { freePorts, startStack } from '../../stack/stack.ts';
import { calm, cpuSeconds, median, residentMb } from '../processes.ts';
import { fillInput } from './input.ts';
import { KAFKA_STREAMS_PEER, peerArgs } from './peer.ts';
import { committedPerSecond } from './progress.ts';
import type { PeerForm, StreamsBenchSettings } from './settings.ts';

const BIN = join(import.meta.dirname, '../../bin/zeelos.ts');
type Program = 'ours' | PeerForm;
const WARM_UP = 0.2;

interface Bench {
  readonly settings: StreamsBenchSettings;
  readonly folder: string;
  readonly kafka: KafkaCluster;
  readonly brokers: string;
  readonly registryUrl: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

interface Line {
  readonly program: Program;
  readonly recordsPerSecond: number;
  readonly cpuSeconds: number;
  readonly residentMb: number;
}

/**
 * maxper30sec over a topic that is full already, ours and on Kafka Streams, each exactly once, in turn on the same broker; then how long
 * ours restores a state of many keys. The last line compares ours with the quickest form of Kafka Streams that was measured.
 */
export async function benchStreams(
  settings: StreamsBenchSettings,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const log = createLog('bench', 'error');
  const say = (text: string) => settings.json || process.stderr.write(`${text}\n`);
  const report = (step: string, state: string) => say(`${step}: ${state}`);
  const peerFiles = await provide(KAFKA_STREAMS_PEER, { cacheDir: defaultCacheDir(), report, signal });
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-'));
  const ports = await freePorts({ from: 29_100, to: 29_999 });
  const servers = ['kafka-edge', 'registry'] as const;
  const stack = await startStack({ dataDir: folder, ports, servers: [...servers], log, signal, onProgress: () => {} });
  try {
    await Promise.all(servers.map((name) => stack.ready(name)));
    const brokers = `127.0.0.1:${ports.kafkaEdge}`;
    const registryUrl = `http://127.0.0.1:${ports.registry}/apis/ccompat/v7`;
    const kafka = connectKafka({ brokers: [brokers], clientId: 'bench' }, log);
    const bench: Bench = { settings, folder, kafka, brokers, registryUrl, log, signal };
    const lines = await measureAll(bench, peerFiles, say);
    const restoring = await measureRestoring(bench, say);
    console.log(JSON.stringify(summaryOf(settings, lines, restoring)));
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(bench: Bench, peerFiles: string, say: (text: string) => void): Promise<Line[]> {
  const { kafka, log, settings } = bench;
  const { records, endpoints } = settings;
  const snapshot = await enrolled(bench, 'bench');
  const bytes = await fillInput({ kafka, log, snapshot, records, endpoints });
  say(`${records} records of ${Math.round(bytes / records)} bytes from ${endpoints} endpoints`);
  const lines: Line[] = [];
  for (let repeat = 1; repeat <= settings.repeats; repeat++) {
    for (const program of ['ours', ...settings.forms] as const) {
      const quiet = await calm(5);
      const line = await measure(bench, program, `${program}-${repeat}`, peerFiles);
      lines.push(line);
      console.log(JSON.stringify({ ...line, repeat, ...quiet }));
    }
  }
  return lines;
}

async function measure(bench: Bench, program: Program, name: string, peerFiles: string): Promise<Line> {
  const { kafka, settings, signal } = bench;
  const input = TOPICS.observations.nameFor('bench');
  const child = program === 'ours' ? startOurs(bench, 'bench', name) : await startPeer(bench, program, name, peerFiles);
  child.stderr?.resume();
  try {
    const recordsPerSecond = await committedPerSecond({
      ...{ kafka, signal, input, groupId: name, records: settings.records, warmUp: WARM_UP, ended: endOf(child) },
      between: program === 'dsl' ? `${name}-max-repartition` : undefined,
    });
    const [cpu, resident] = [cpuSeconds(child.pid!), residentMb(child.pid!)];
    return { program, recordsPerSecond: Math.round(recordsPerSecond), cpuSeconds: cpu, residentMb: resident };
  } finally {
    await stop(child);
  }
}

function startOurs(
  { folder, brokers, registryUrl }: Bench,
  gatewayId: string,
  groupId: string,
  more: readonly string[] = [],
): ChildProcess {
  const flags = {
    'gateway-id': gatewayId,
    'group-id': groupId,
    'kafka-brokers': brokers,
    'registry-url': registryUrl,
    'snapshot-file': join(folder, `${gatewayId}.json`),
    'health-port': '0',
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const env = { NODE_COMPILE_CACHE: COMPILE_CACHE_DIR, ...process.env, ZEELOS_LOG_LEVEL: 'info' };
  return spawn(process.execPath, [BIN, 'stream', 'maxper30sec', ...args, ...more], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env,
  });
}

async function startPeer(bench: Bench, form: PeerForm, application: string, files: string): Promise<ChildProcess> {
  const { folder, brokers, kafka, settings } = bench;
  const output = `${application}-output`;
  await ensureTopics(kafka, [{ topic: output, partitions: 1 }]);
  const [keySchema, valueSchema] = [join(folder, 'key.avsc'), join(folder, 'value.avsc')];
  writeFileSync(keySchema, JSON.stringify(selfContainedSchema(TOPICS.observations.key)));
  writeFileSync(valueSchema, JSON.stringify(selfContainedSchema(TOPICS.observations.value)));
  const input = TOPICS.observations.nameFor('bench');
  const args = peerArgs({
    ...{ files, form, brokers, application, input, output, folder, keySchema, valueSchema },
    heapMb: settings.heap,
  });
  return spawn('java', args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

interface Restoring {
  /** Of a million keys, reckoned from those that were restored. */
  readonly millionSeconds: number;
  /** Resident memory of the worker that holds them, right after. */
  readonly rssMiB: number;
}

/** A state of many keys is made by the program itself, which is then stopped and started again. */
async function measureRestoring(bench: Bench, say: (text: string) => void): Promise<Restoring> {
  const { kafka, log, settings, signal } = bench;
  const { keys } = settings;
  const snapshot = await enrolled(bench, 'keys');
  await fillInput({ kafka, log, snapshot, records: keys, endpoints: keys });
  const flags = [`--entries-limit=${2 * keys}`];
  const first = startOurs(bench, 'keys', 'keys', flags);
  const input = TOPICS.observations.nameFor('keys');
  try {
    first.stderr!.resume();
    await committedPerSecond({
      ...{ kafka, signal, input, groupId: 'keys', records: keys, warmUp: 0, ended: endOf(first) },
    });
  } finally {
    await stop(first);
  }
  const second = startOurs(bench, 'keys', 'keys', flags);
  try {
    const { restoreSeconds, records } = await restored(second, signal);
    const rssMiB = residentMb(second.pid!);
    say(`${records} records of the changelog in ${restoreSeconds.toFixed(2)} s, ${rssMiB} MiB`);
    return { millionSeconds: (restoreSeconds / keys) * 1_000_000, rssMiB };
  } finally {
    await stop(second);
  }
}

/** What the service says of it in its log. */
async function restored(
  child: ChildProcess,
  signal: AbortSignal,
): Promise<{ restoreSeconds: number; records: number }> {
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const ended = endOf(child);
  for (;;) {
    signal.throwIfAborted();
    const line = text.split('\n').find((one) => one.includes('restoreSeconds') && one.endsWith('}'));
    if (line !== undefined) return JSON.parse(line) as { restoreSeconds: number; records: number };
    await Promise.race([sleep(50, signal), ended]);
  }
}

async function enrolled({ folder, registryUrl }: Bench, gatewayId: string): Promise<SchemaSnapshot> {
  return await enrol({ gatewayId, registryUrl, snapshotFile: join(folder, `${gatewayId}.json`) });
}

/** Rejects when the program ends; nobody need be listening any more by then. */
function endOf(child: ChildProcess): Promise<never> {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${child.spawnfile} ended with ${code ?? signal} in the middle`);
  });
  ended.catch(() => undefined);
  return ended;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

function summaryOf(settings: StreamsBenchSettings, lines: readonly Line[], { millionSeconds, rssMiB }: Restoring) {
  const of = (program: Program) =>
    median(lines.filter((line) => line.program === program).map((line) => line.recordsPerSecond));
  const ours = of('ours');
  const kafkaStreams = Math.max(...settings.forms.map(of));
  return {
    recordsPerSecond: { ours, kafkaStreams, ratio: Number((ours / kafkaStreams).toFixed(2)) },
    restoreMillionKeysSeconds: Number(millionSeconds.toFixed(2)),
    rssMiB,
  };
}
