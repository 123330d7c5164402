import { ProcessGroup } from '../process-group.ts';
import type { ServerUnderTest, Surroundings } from './servers.ts';

/** What the fleet prints, as far as it is used here. */
export interface FleetResult {
  readonly registered: number;
  readonly observes: number;
  readonly notifications: number;
  readonly acked: number;
  readonly retransmitted: number;
  readonly timeouts: number;
  readonly notify_per_s: number;
  readonly ack_p50_ms: number;
  readonly ack_p99_ms: number;
  readonly seq_first: number;
  readonly seq_last: number;
  readonly fleet_notify_cpu_s: number;
}

export function startFleet(
  { yardstick, ports }: Surroundings,
  flags: Readonly<Record<string, string | number>>,
): ProcessGroup {
  const all = { host: '127.0.0.1', port: ports.coap, 'observe-wait': 30, ...flags };
  return new ProcessGroup(
    yardstick.fleet,
    Object.entries(all).map(([flag, value]) => `--${flag}=${value}`),
  );
}

export async function fleetResult(fleet: ProcessGroup): Promise<FleetResult> {
  return JSON.parse(await fleet.lastLine()) as FleetResult;
}

async function tool<T>({ yardstick, broker }: Surroundings, args: readonly string[]): Promise<T> {
  const [program, ...before] = yardstick.tool;
  const group = new ProcessGroup(program!, [...before, ...args, '--bootstrap', broker.address]);
  return JSON.parse(await group.lastLine()) as T;
}

/** The topics as bench.py makes them, so that their times are the broker's. */
export async function createTopics(server: ServerUnderTest, surroundings: Surroundings): Promise<void> {
  const names = ['registrations', 'observations', 'management.req', 'management.rep'];
  const topics = names.map((name) => `iot.${server.gatewayId}.${name}`).join(',');
  const config = 'message.timestamp.type=LogAppendTime';
  await tool(surroundings, ['topic', '--topic', topics, '--partitions', '1', '--config', config]);
}

export interface Counted {
  readonly missing: number;
  readonly duplicates: number;
}

/** Which of the fleet's numbered values the topic holds. */
export async function countNotifications(
  server: ServerUnderTest,
  fleet: FleetResult,
  surroundings: Surroundings,
): Promise<Counted> {
  return await tool<Counted>(surroundings, [
    ...['count', '--topic', `iot.${server.gatewayId}.observations`],
    ...['--wait-records', String(fleet.notifications), '--wait-s', '20', '--stable-ms', '2500'],
    ...['--seq-from', String(fleet.seq_first), '--seq-to', String(fleet.seq_last)],
    ...server.observationArgs,
  ]);
}

export interface Commanded {
  readonly sent: number;
  readonly answered: number;
  readonly unanswered: number;
  readonly per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly error?: string;
}

export async function commandOneByOne(
  o: { server: ServerUnderTest; prefix: string; devices: number; count: number },
  surroundings: Surroundings,
): Promise<Commanded> {
  const { gatewayId, commandArgs } = o.server;
  return await tool<Commanded>(surroundings, [
    ...['cmd', '--req-topic', `iot.${gatewayId}.management.req`, '--rep-topic', `iot.${gatewayId}.management.rep`],
    ...['--server', gatewayId, '--ep-prefix', o.prefix, '--devices', String(o.devices)],
    ...['--inflight', '1', '--count', String(o.count), '--warmup', '300', '--max-s', '30', ...commandArgs],
  ]);
}
