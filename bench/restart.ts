import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectKafka } from '../common/kafka/client.ts';
import { CommittingProducer } from '../common/kafka/committing-producer.ts';
import { ThreadedSender } from '../common/kafka/threaded-sender.ts';
import { ensureTopics } from '../common/kafka/topics.ts';
import { sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { enrol } from '../common/schema-registry.ts';
import { hostAndPorts, httpUrl, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';
import { udpPeer } from '../lwm2m/coap/transport.ts';
import { Outbox } from '../lwm2m-server/bridge/outbox.ts';
import { observationEntry, registrationEntry } from '../lwm2m-server/bridge/state-entries.ts';
import { edgeTopics } from '../lwm2m-server/edge-topics.ts';
import { makeObservation, NO_TICKET } from '../lwm2m-server/observation/observations.ts';
import { parseAnnouncement } from '../lwm2m-server/registration/announced-objects.ts';
import { makeRegistration } from '../lwm2m-server/registration/registration.ts';
import { cpuSeconds, residentMb } from './processes.ts';

export const RESTART_SETTINGS = {
  devices: {
    about: 'devices in the state topic, each with one observation',
    schema: wholeNumber(1, 1_000_000).default(100_000),
  },
  kafka: { about: 'brokers of a Kafka that runs', schema: hostAndPorts },
  registry: { about: 'Confluent API of a schema registry that runs', schema: httpUrl },
  gateway: { about: 'gateway id; one that was filled before is started again as it is', schema: text.optional() },
  nodeFlags: { about: 'flags for the node that runs the server, with blanks', schema: text.optional() },
} as const satisfies SettingsTable;

const BIN = fileURLToPath(new URL('../bin/zeelos.ts', import.meta.url));
const LINKS = '</>;rt="oma.lwm2m";ct=11542,</1/0>,</3/0>,</3303/0>,</3303/1>';
/** Above the largest batch and far below the backlog of the producer. */
const AT_ONCE = 2_000;
const WITHIN_MS = 120_000;
const [COAP_PORT, HEALTH_PORT] = [26_683, 29_190];

/** Time from the start of the process until the server is ready with all devices that its state topic holds. */
export async function restart(
  settings: SettingsOf<typeof RESTART_SETTINGS>,
  { log }: { readonly log: Log },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-restart-'));
  const snapshotFile = join(folder, 'schemas.json');
  const gatewayId = settings.gateway ?? `restart${Date.now()}`;
  try {
    if (settings.gateway === undefined) await fill({ ...settings, gatewayId, snapshotFile, log });
    const measured = await start(settings, gatewayId, snapshotFile);
    process.stdout.write(`${JSON.stringify({ gatewayId, ...measured })}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The entries that so many devices leave, written as the server writes them. */
async function fill(o: {
  readonly devices: number;
  readonly kafka: string[];
  readonly registry: string;
  readonly gatewayId: string;
  readonly snapshotFile: string;
  readonly log: Log;
}): Promise<void> {
  const { gatewayId, snapshotFile } = o;
  const snapshot = await enrol({ gatewayId, snapshotFile, registryUrl: o.registry });
  const address = { brokers: o.kafka, clientId: 'bench' };
  await ensureTopics(connectKafka(address, o.log), edgeTopics(gatewayId));
  const producer = new CommittingProducer(new ThreadedSender(address, o.log), o.log);
  const outbox = new Outbox(gatewayId, snapshot, producer);
  const server = { serverId: gatewayId, address: '127.0.0.1', port: COAP_PORT };
  for (let first = 0; first < o.devices; first += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, o.devices - first) }, (_, index) => first + index);
    const records = numbers.flatMap((number) => {
      const { registration, observation } = device(number);
      return [registrationEntry(outbox, registration, server), observationEntry(outbox, observation)];
    });
    await outbox.commit(...records);
  }
  await producer.close();
}

function device(number: number) {
  const nowMs = Date.now();
  const registration = makeRegistration({
    ...parseAnnouncement(LINKS),
    endpointName: `urn:dev:os:bench-${number}`,
    registrationId: randomBytes(9).toString('base64url'),
    peer: udpPeer(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`, 40_000 + (number % 20_000)),
    lifetimeSeconds: 86_400,
    version: '1.1',
    binding: 'U',
    queueMode: false,
    smsNumber: undefined,
    profileId: undefined,
    attributes: undefined,
    registeredAtMs: nowMs,
    lastUpdateAtMs: nowMs,
  });
  const { endpointName, registrationId } = registration;
  const observation = makeObservation({
    ...{ endpointName, registrationId, path: '/3303/0/5700', token: randomBytes(8), ticket: NO_TICKET },
  });
  return { registration, observation };
}

async function start(settings: SettingsOf<typeof RESTART_SETTINGS>, gatewayId: string, snapshotFile: string) {
  const flags = {
    'gateway-id': gatewayId,
    'kafka-brokers': settings.kafka.join(','),
    'registry-url': settings.registry,
    'snapshot-file': snapshotFile,
    'coap-port': COAP_PORT,
    'health-port': HEALTH_PORT,
    'rest-port': 0,
    rest: 'no',
    'max-registrations': Math.max(100_000, settings.devices),
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const nodeFlags = settings.nodeFlags?.split(' ') ?? [];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, BIN, 'lwm2m-server', ...args], { stdio: 'inherit' });
  try {
    const seconds = await untilReady(startedAt);
    const answer = await fetch(`http://127.0.0.1:${HEALTH_PORT}/metrics`);
    const cpu = cpuSeconds(child.pid!);
    const registrations = Number(/^lwm2m_registrations(?:\{[^}]*\})? (\d+)$/m.exec(await answer.text())?.[1]);
    const residentAtOnceMb = residentMb(child.pid!);
    await sleep(5_000);
    return { devices: registrations, seconds, cpuSeconds: cpu, residentAtOnceMb, residentMb: residentMb(child.pid!) };
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

async function untilReady(startedAt: number): Promise<number> {
  while (performance.now() < startedAt + WITHIN_MS) {
    const answer = await fetch(`http://127.0.0.1:${HEALTH_PORT}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return Number(((performance.now() - startedAt) / 1_000).toFixed(2));
    await sleep(20);
  }
  throw new Error(`not ready within ${WITHIN_MS} ms`);
}
