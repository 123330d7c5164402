import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../common/errors.ts';
import { ProcessGroup } from '../process-group.ts';
import { residentMb } from '../processes.ts';
import { shellLine } from '../yardstick.ts';
import type { Measurement } from './results.ts';
import { type ServerUnderTest, type Side, type Surroundings, serverUnderTest } from './servers.ts';
import type { Phase, Sizes } from './settings.ts';

/** One line of the yardstick's bench.py: figures by its own names. */
type Row = Readonly<Record<string, number>> & { readonly case: string; readonly error?: string };

export interface Run {
  readonly side: Side;
  readonly repeat: number;
  readonly sizes: Sizes;
  readonly surroundings: Surroundings;
}

/** Runs one phase of bench.py with a fresh server of its own and gives what it measured. */
async function runBenchPy(o: { server: ServerUnderTest; phase: string; flags: readonly string[] } & Run) {
  const { server, surroundings } = o;
  const { yardstick, broker, ports } = surroundings;
  // It leaves its temporary folder behind; ours is removed.
  const folder = join(surroundings.folder, `${server.gatewayId}-bench`);
  mkdirSync(folder);
  const out = join(folder, 'rows.jsonl');
  const log = join(folder, 'bench.log');
  const flags = {
    name: o.side,
    'server-cmd': shellLine(server.command),
    'server-log': join(folder, 'server.log'),
    'server-settle': 1,
    port: ports.coap,
    bootstrap: broker.address,
    'broker-pid': broker.pid,
    fleet: yardstick.fleet,
    tool: shellLine(yardstick.tool),
    gw: server.gatewayId,
    partitions: 1,
    'obs-args': shellLine(server.observationArgs),
    'cmd-args': shellLine(server.commandArgs),
    phases: o.phase,
    repeats: 1,
    out,
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const group = new ProcessGroup(
    yardstick.python,
    [join(yardstick.folder, 'bench.py'), ...args, ...o.flags],
    // It takes its server down in order when it is interrupted as at a terminal.
    { log, env: { TMPDIR: folder, PYTHONUNBUFFERED: '1' }, endSignal: 'SIGINT' },
  );
  const code = await group.ended;
  const rows = (existsSync(out) ? readFileSync(out, 'utf8') : '').split('\n').filter((line) => line !== '');
  const parsed = rows.map((line) => JSON.parse(line) as Row);
  const fault = parsed.find((row) => row.error !== undefined)?.error;
  if (code !== 0 || fault !== undefined || parsed.length === 0) {
    const tail = [log, flags['server-log']].map(endOf).join('\n');
    throw new PlatformError('STACK_START_FAILED', `bench.py ${o.phase}: ${fault ?? `ended with ${code}`}\n${tail}`);
  }
  return parsed;
}

function endOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-2_000) : '';
}

function common(row: Row, run: Run, phase: Phase) {
  return {
    ...{ side: run.side, phase, repeat: run.repeat },
    serverCpuSeconds: row.server_cpu_s!,
    brokerCpuSeconds: row.broker_cpu_s!,
    brokerMb: residentMb(run.surroundings.broker.pid),
    droppedByKernel: row.udp_drops!,
    busyBefore: row.busy_before!,
  };
}

function fresh(run: Run, what: string): ServerUnderTest {
  return serverUnderTest(run.side, `${run.side}-${what}-${run.repeat}`, run.surroundings);
}

/**
 * The rate is that of acknowledged notifications, each of which must be in the topic. Our server acknowledges what is committed; the peer
 * acknowledges before, so this favours it. The topic's own rate would count the time between the first values of the devices, which
 * only our server records, and the load.
 */
function notificationFigures(row: Row, run: Run, phase: Phase) {
  return {
    ...common(row, run, phase),
    perSecond: row.sent_per_s!,
    cpuPer100k: row.cpu_s_per_100k!,
    fleetCpuSeconds: Number(((row.fleet_cpu_s_per_100k! * row.sent!) / 1e5).toFixed(2)),
    serverMb: row.rss_mb!,
    serverPeakMb: row.rss_peak_mb!,
    sent: row.sent!,
    acknowledged: row.acked!,
    inTopic: row.sent! - row.missing!,
    doubled: row.duplicates!,
    retransmitted: row.retransmitted!,
  };
}

export async function notify(run: Run, devices: number): Promise<Measurement[]> {
  const { seconds, warmupSeconds } = run.sizes.notify;
  const flags = [`--devices=${devices}`, '--types=con', `--duration=${seconds}`, `--warmup=${warmupSeconds}`];
  const rows = await runBenchPy({ ...run, server: fresh(run, `notify${devices}`), phase: 'notify', flags });
  return rows.map((row) => ({
    ...notificationFigures(row, run, 'notify'),
    case: String(devices),
    p50Ms: row.ack_p50_ms!,
    p99Ms: row.ack_p99_ms!,
    // What was never acknowledged may be missing: the device would send it again.
    lost: Math.max(0, row.missing! - (row.sent! - row.acked!)),
  }));
}

export async function nonConfirmable(run: Run): Promise<Measurement[]> {
  const { perSecond, devices, seconds } = run.sizes.non;
  const flags = [
    ...[`--non-rates=${perSecond}`, `--non-devices=${devices}`, `--non-duration=${seconds}`],
    `--warmup=${run.sizes.notify.warmupSeconds}`,
  ];
  const rows = await runBenchPy({ ...run, server: fresh(run, 'non'), phase: 'nonrate', flags });
  return rows.map((row) => ({
    ...notificationFigures(row, run, 'non'),
    case: `${perSecond}/s`,
    lostPercent: row.loss_pct!,
  }));
}

export async function register(run: Run): Promise<Measurement[]> {
  const { warmup, devices } = run.sizes.register;
  const flags = [`--register=${warmup},${devices}`];
  const rows = await runBenchPy({ ...run, server: fresh(run, 'register'), phase: 'register', flags });
  return rows.slice(1).map((row) => ({
    ...common(row, run, 'register'),
    case: String(devices),
    perSecond: row.register_per_s!,
    p50Ms: row.register_p50_ms!,
    p99Ms: row.register_p99_ms!,
    serverMb: row.rss_mb!,
    sent: devices,
    acknowledged: devices - row.failed!,
    inTopic: row.kafka_records!,
    // Registrations and as many updates.
    lost: Math.max(0, row.expected_records! - row.kafka_records!),
    doubled: Math.max(0, row.kafka_records! - row.expected_records!),
    retransmitted: row.retransmitted!,
  }));
}

export async function command(run: Run): Promise<Measurement[]> {
  const { single, many } = run.sizes.command;
  const flags = [`--cmd-count=${single}`, `--cmd-count-64=${many}`];
  const rows = await runBenchPy({ ...run, server: fresh(run, 'command'), phase: 'cmd', flags });
  return rows.map((row) => ({
    ...common(row, run, 'command'),
    case: row.inflight === 1 ? 'one at a time' : '64 in flight',
    perSecond: row.per_s!,
    p50Ms: row.p50_ms!,
    p99Ms: row.p99_ms!,
    sent: row.sent!,
    inTopic: row.answered!,
    lost: row.unanswered!,
  }));
}
