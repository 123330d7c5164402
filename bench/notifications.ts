import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectKafka, type KafkaCluster } from '../common/kafka/client.ts';
import { offsetRanges } from '../common/kafka/topics.ts';
import { sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { list, oneOf, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';
import { TOPICS } from '../schemas/topics.ts';
import { DURABILITIES, type Durability, freePorts, type Stack, startStack } from '../stack/stack.ts';
import { type FleetResult, startFleet } from './load-source.ts';
import { calm, cpuSeconds, median, Program, residentMb } from './processes.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

export const NOTIFICATIONS_SETTINGS = {
  devices: { about: 'devices, each with one observation', schema: wholeNumber(1, 20_000).default(1_000) },
  inflight: { about: 'unanswered notifications in all; one per device', schema: wholeNumber(1, 20_000).default(256) },
  seconds: { about: 'length of one measurement', schema: wholeNumber(1, 600).default(10) },
  warmup: { about: 'seconds under load before it, with 100 devices', schema: wholeNumber(0, 600).default(4) },
  repeats: { about: 'measurements, each with a fresh server', schema: wholeNumber(1, 100).default(3) },
  fleet: { about: 'another load source with the flags of bench/fleet.ts', schema: text.optional() },
  against: { about: 'folder of another checkout, measured in turn with this one', schema: text.optional() },
  durability: {
    about: 'what an ACK survives: process, power (the topic is flushed at every batch), or both in turn',
    schema: oneOf('process', 'power', 'both').default('process'),
  },
  profile: { about: 'folder for a processor profile of each server', schema: text.optional() },
  nodeFlags: { about: 'flags of Node for the server, with commas', schema: list.default([]) },
} as const satisfies SettingsTable;

const WARMING_DEVICES = 100;

/** ConfigResource.Type of the Kafka protocol. */
const TOPIC_RESOURCE = 2;

type Settings = SettingsOf<typeof NOTIFICATIONS_SETTINGS>;

interface Bench {
  readonly settings: Settings;
  readonly folder: string;
  readonly stack: Stack;
  readonly kafka: KafkaCluster;
  readonly coapPort: number;
  readonly healthPort: number;
}

/** Measures as often as asked, this checkout in turn with the other; the last line holds the medians. */
export async function notifications(
  settings: Settings,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-'));
  const ports = await freePorts({ from: 29_100, to: 29_999 });
  const stack = await startStack({
    ...{ dataDir: join(folder, 'stack'), ports, log, servers: ['kafka-edge', 'registry'], signal },
    onProgress: ({ server, step, state }) => process.stderr.write(`${server} ${step}: ${state}\n`),
  });
  try {
    await Promise.all([stack.ready('kafka-edge'), stack.ready('registry')]);
    const kafka = connectKafka({ brokers: [`127.0.0.1:${ports.kafkaEdge}`], clientId: 'bench' }, log);
    const bench = { settings, folder, stack, kafka, coapPort: ports.orientdbBinary, healthPort: ports.orientdbHttp };
    const checkouts = settings.against === undefined ? [PROJECT] : [PROJECT, resolve(settings.against)];
    const durabilities = settings.durability === 'both' ? DURABILITIES : [settings.durability];
    const lines: Line[] = [];
    for (let repeat = 1; repeat <= settings.repeats && !signal.aborted; repeat++) {
      for (const checkout of checkouts) {
        for (const durability of durabilities) {
          const line = await measure(bench, { checkout, repeat, durability });
          lines.push(line);
          console.log(JSON.stringify(line));
        }
      }
    }
    console.log(JSON.stringify(summary(settings, lines)));
    if (!lines.every((line) => line.ok)) process.exitCode = 1;
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Line = Awaited<ReturnType<typeof measure>>;

interface Case {
  readonly checkout: string;
  readonly repeat: number;
  readonly durability: Durability;
}

/** As a broker with log.flush.interval.messages=1 does with every topic. */
async function flushEachBatch(kafka: KafkaCluster, topic: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: 'flush.messages', value: '1' }];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC_RESOURCE, name: topic, configEntries }] });
  await admin.disconnect();
}

/** One fresh server with a gateway id of its own, so that no topic holds what another left. */
async function measure(bench: Bench, { checkout, repeat, durability }: Case) {
  const gatewayId = `bench-${checkout === PROJECT ? 'a' : 'b'}${repeat}${durability === 'power' ? 'p' : ''}`;
  const server = startServer(bench, checkout, gatewayId);
  try {
    const idleMb = await readyAndIdle(bench, server);
    if (durability === 'power') await flushEachBatch(bench.kafka, TOPICS.observations.nameFor(gatewayId));
    const { warmup, devices } = bench.settings;
    const load = { ...bench.settings, port: bench.coapPort };
    const warming = {
      ...load,
      prefix: `${gatewayId}-warm-`,
      devices: Math.min(WARMING_DEVICES, devices),
      seconds: warmup,
    };
    if (warmup > 0) await startFleet(warming).result;
    const quiet = await calm();
    const run = await runMetered(bench, server, gatewayId);
    return {
      benchmark: 'notifications',
      checkout: `${checkout === PROJECT ? 'this' : checkout}${durability === 'power' ? ', power' : ''}`,
      repeat,
      ...run,
      idleMb,
      ...quiet,
    };
  } finally {
    await server.stop();
  }
}

/**
 * The meters start when every device is registered and observed and the load source still pauses, and stop when the last ACK is
 * there. Then the topic must hold one record for the first value of each device and one for each acknowledged notification.
 */
async function runMetered(bench: Bench, server: Program, gatewayId: string) {
  const topic = TOPICS.observations.nameFor(gatewayId);
  const readyFile = join(bench.folder, `${gatewayId}.ready`);
  const { devices } = bench.settings;
  const recordsBefore = await recordsIn(bench.kafka, topic);
  const fleet = startFleet({ ...bench.settings, port: bench.coapPort, prefix: `${gatewayId}-` }, [
    '--settle',
    '2',
    '--ready-file',
    readyFile,
  ]);
  while (!existsSync(readyFile) && fleet.child.exitCode === null) await sleep(5);
  await sleep(1_000);
  const brokerPid = bench.stack.pid('kafka-edge')!;
  const cpuBefore = { server: cpuSeconds(server.pid), broker: cpuSeconds(brokerPid) };
  const result = JSON.parse(await fleet.result) as FleetResult;
  const per100k = (seconds_: number) => Number(((seconds_ / result.acked) * 1e5).toFixed(3));
  const cpuPer100k = per100k(cpuSeconds(server.pid) - cpuBefore.server);
  const brokerCpuPer100k = per100k(cpuSeconds(brokerPid) - cpuBefore.broker);
  const committed = (await recordsIn(bench.kafka, topic)) - recordsBefore - devices;
  return {
    ok: committed === result.acked && result.acked === result.notifications,
    perSecond: Math.round(result.notify_per_s),
    p50Ms: result.ack_p50_ms,
    p99Ms: result.ack_p99_ms,
    cpuPer100k,
    brokerCpuPer100k,
    fleetCpuPer100k: per100k(result.fleet_notify_cpu_s),
    acknowledged: result.acked,
    committed,
    retransmitted: result.retransmitted,
    serverMb: residentMb(server.pid),
    serverPeakMb: residentMb(server.pid, 'VmHWM'),
    brokerMb: residentMb(brokerPid),
  };
}

/** An older checkout has no REST interface, and knows no flag for it. */
function hasRest(checkout: string): boolean {
  return readFileSync(join(checkout, 'lwm2m-server/settings.ts'), 'utf8').includes('restPort');
}

function startServer(bench: Bench, checkout: string, gatewayId: string): Program {
  const { settings, stack, folder, coapPort, healthPort } = bench;
  const flags = {
    'gateway-id': gatewayId,
    'kafka-brokers': `127.0.0.1:${stack.ports.kafkaEdge}`,
    'registry-url': `http://127.0.0.1:${stack.ports.registry}/apis/ccompat/v7`,
    'snapshot-file': join(folder, `${gatewayId}.json`),
    'coap-port': coapPort,
    'health-port': healthPort,
    ...(hasRest(checkout) ? { 'rest-port': 0 } : {}),
    observe: '/3303/0/5700',
  };
  const profile =
    settings.profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${resolve(settings.profile)}`, `--cpu-prof-name=${gatewayId}.cpuprofile`];
  const args = [
    'bin/zeelos.ts',
    'lwm2m-server',
    ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
  ];
  return new Program(process.execPath, [...settings.nodeFlags, ...profile, ...args], checkout);
}

/** Resident memory once it is ready and has come to rest. */
async function readyAndIdle({ healthPort }: Bench, server: Program): Promise<number> {
  while (server.child.exitCode === null) {
    const ready = await fetch(`http://127.0.0.1:${healthPort}/readyz`).catch(() => undefined);
    if (ready?.ok === true) break;
    await sleep(50);
  }
  await sleep(1_000);
  return residentMb(server.pid);
}

async function recordsIn(kafka: KafkaCluster, topic: string): Promise<number> {
  const ranges = await offsetRanges(kafka, topic);
  return ranges.reduce((sum, { first, next }) => sum + Number(next - first), 0);
}

function summary(settings: Settings, lines: readonly Line[]) {
  const figures = ['perSecond', 'p50Ms', 'p99Ms', 'cpuPer100k', 'serverMb', 'serverPeakMb', 'idleMb'] as const;
  const checkouts = [...new Set(lines.map((line) => line.checkout))];
  const medians = checkouts.map((checkout) => {
    const own = lines.filter((line) => line.checkout === checkout);
    return [
      checkout,
      Object.fromEntries(figures.map((figure) => [figure, median(own.map((line) => line[figure]))])),
    ] as const;
  });
  const { devices, inflight, seconds, repeats } = settings;
  const ok = lines.every((line) => line.ok);
  return {
    benchmark: 'notifications',
    ok,
    devices,
    inflight,
    seconds,
    repeats,
    cores: availableParallelism(),
    node: process.version,
    medians: Object.fromEntries(medians),
  };
}
