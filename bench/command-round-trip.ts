/**
 * Command round trip on one machine: Kafka → LwM2M server → device → LwM2M server → Kafka, devices in turn.
 * Run by hand: node bench/command-round-trip.ts [flags] → one JSON line, times in ms.
 *   --commands 1000            of each kind
 *   --in-flight 1              unanswered ones at a time
 *   --with-notifications 0     confirmable notifications per second that arrive meanwhile
 *   --kafka, --registry        servers that run already; without them real ones are started
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { sleep } from '../common/lifecycle.ts';
import type { AvroRequest, AvroResponse } from '../schemas/generated/records.ts';
import { useEdge } from '../test/rig/edge.ts';
import { eventually, TestGateway } from '../test/rig/gateway.ts';
import { mochaHooks } from '../test/rig/rig.ts';
import { type Load, startFleet } from './load-source.ts';
import { percentile } from './percentile.ts';
import type { Program } from './processes.ts';

const { values: flags } = parseArgs({
  options: {
    commands: { type: 'string', default: '1000' },
    'in-flight': { type: 'string', default: '1' },
    'with-notifications': { type: 'string', default: '0' },
    kafka: { type: 'string' },
    registry: { type: 'string' },
  },
});
const COMMANDS = Number(flags.commands);
const IN_FLIGHT = Number(flags['in-flight']);
const NOTIFICATIONS = Number(flags['with-notifications']);
const DEVICES = 100;
const NOTIFIERS = 500;
const WARM_UP = 300;
const LONGEST_SECONDS = 300;
const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';

function requestOf(gateway: TestGateway, kind: 'read' | 'execute', ticket: string, device: number): AvroRequest {
  return {
    serverId: gateway.gatewayId,
    ep: `commanded-${device}`,
    ticket,
    payload: {
      kind,
      path: kind === 'read' ? '/3303/0/5700' : '/3/0/4',
      contentFormat: 'TLV',
      body: kind === 'read' ? null : { [EXECUTE]: { parameters: '' } },
    },
  };
}

async function measure(gateway: TestGateway, kind: 'read' | 'execute', count: number, inFlight: number) {
  const waiting = new Map<string, () => void>();
  const replies = await gateway.follow<AvroResponse>('replies');
  replies.push = (...seen) => {
    for (const { value } of seen) waiting.get(value!.ticket)?.();
    return 0;
  };
  const times: number[] = [];
  const run = `${kind}-${performance.now()}`;
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < count; n = next++) {
      const ticket = `${run}-${n}`;
      const startedAt = performance.now();
      const answered = new Promise<void>((resolve) => waiting.set(ticket, resolve));
      await gateway.command(requestOf(gateway, kind, ticket, n % DEVICES));
      await answered;
      waiting.delete(ticket);
      times.push(performance.now() - startedAt);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const perSecond = Math.round((count / (performance.now() - startedAt)) * 1_000);
  return { p50: percentile(times, 0.5), p90: percentile(times, 0.9), p99: percentile(times, 0.99), perSecond };
}

const servers =
  flags.kafka === undefined || flags.registry === undefined
    ? await useEdge()
    : { kafkaBrokers: [flags.kafka], registryUrl: flags.registry };
const gateway = await TestGateway.create(servers, { observe: ['/3303/0/5700'] });
const fleets: Program[] = [];
try {
  await gateway.spawn();
  const load = { port: gateway.coapPort, seconds: LONGEST_SECONDS, fleet: undefined } satisfies Partial<Load>;
  fleets.push(startFleet({ ...load, devices: DEVICES, prefix: 'commanded-', inflight: 0 }));
  if (NOTIFICATIONS > 0) {
    const notifying = { ...load, devices: NOTIFIERS, prefix: 'notifying-', inflight: NOTIFIERS };
    fleets.push(startFleet(notifying, ['--rate', String(NOTIFICATIONS)]));
  }
  const observed = DEVICES + (NOTIFICATIONS > 0 ? NOTIFIERS : 0);
  await eventually('all are there', async () => (await gateway.metric('lwm2m_observations')) === observed, 30_000);
  await measure(gateway, 'read', WARM_UP, IN_FLIGHT);
  await measure(gateway, 'execute', WARM_UP, IN_FLIGHT);
  await sleep(500);
  const recordedBefore = await gateway.metric('lwm2m_notifications_acknowledged_total');
  const startedAt = performance.now();
  const result: Record<string, unknown> = { bench: 'command-round-trip', devices: DEVICES, commands: COMMANDS };
  for (const kind of ['read', 'execute'] as const) result[kind] = await measure(gateway, kind, COMMANDS, IN_FLIGHT);
  const recorded = (await gateway.metric('lwm2m_notifications_acknowledged_total')) - recordedBefore;
  const notificationsPerSecond = Math.round((recorded / (performance.now() - startedAt)) * 1_000);
  console.log(JSON.stringify({ ...result, inFlight: IN_FLIGHT, notificationsPerSecond, loadAverage: loadavg()[0] }));
} finally {
  for (const fleet of fleets) await fleet.stop();
  await gateway.close();
  await mochaHooks.afterAll();
}
