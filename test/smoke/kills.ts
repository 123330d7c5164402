import type { ServiceName } from '../../bin/service-table.ts';
import { sleep } from '../../common/lifecycle.ts';
import { zeelosRequest } from './command-line.ts';
import { type Devices, LESHAN, MODBUS } from './devices.ts';
import type { Run } from './run.ts';
import { untilStored } from './stored.ts';
import { held, unlessAborted, until } from './waiting.ts';

const DOWN_MS = 1_500;
/** Long enough for each device to have a notification waiting. */
const FROZEN_MS = 500;
/** What was committed just before may still be acknowledged. */
const SETTLE_MS = 500;
const RECOVERY_TIMEOUT_MS = 60_000;
/** Numbers that must be acknowledged after a kill before the next: several of each device. */
const RECOVERED_NUMBERS = 100;

/** Kills the services one after the other under load, then the edge Kafka and the server together. */
export async function killServices(run: Run, devices: Devices): Promise<void> {
  const { account } = devices;
  const { findings } = run;
  const mark = account.mark;
  findings.progress('lwm2m-server is killed while Kafka stands still');
  await killServer(run, devices, () => askMeanwhile(run));
  for (const name of ['replicator', 'modbus'] as const) {
    findings.progress(`${name} is killed`);
    await killService(run, devices, name);
  }
  await modbusGoesOn(run);
  for (const name of ['connect', 'stream-maxper30sec'] as const) {
    findings.progress(`${name} is killed`);
    await killService(run, devices, name);
  }
  await killKafka(run, devices);
  const numbers = account.since(mark);
  findings.report.kills = await untilStored(run, numbers);
  findings.progress(`kills: ${findings.report.kills.stored} of ${numbers.length} stored exactly once`);
  findings.expect(findings.report.kills.stored === numbers.length, 'notifications of the kills are missing or doubled');
}

/**
 * Kills lwm2m-server while its Kafka stands still. What it had sent is recorded once Kafka goes on, but nobody is left to
 * acknowledge it: the devices repeat it to the next server, which must not record it again.
 */
export async function killServer(run: Run, devices: Devices, whileDown?: () => Promise<void>): Promise<void> {
  const { stack } = run.system;
  const before = devices.account.mark;
  const group = -stack.pid('kafka-edge')!;
  process.kill(group, 'SIGSTOP');
  try {
    await sleep(FROZEN_MS, run.signal);
    await run.system.service('lwm2m-server').kill();
  } finally {
    process.kill(group, 'SIGCONT');
  }
  await restart(run, devices, 'lwm2m-server', before, whileDown);
}

/** SIGKILL, a pause, a start; resolves when devices get their ACKs again. */
async function killService(run: Run, devices: Devices, name: ServiceName): Promise<void> {
  const before = devices.account.mark;
  await run.system.service(name).kill();
  await restart(run, devices, name, before);
}

async function restart(
  run: Run,
  devices: Devices,
  name: ServiceName,
  mark: number,
  whileDown: () => Promise<void> = async () => undefined,
): Promise<void> {
  const meanwhile = whileDown();
  await sleep(DOWN_MS, run.signal);
  run.system.service(name).start();
  await unlessAborted(run.system.ready(name), run.signal);
  await recovered(run, devices, `after the kill of ${name}`, mark);
  await meanwhile;
}

async function recovered(run: Run, { account }: Devices, what: string, mark: number): Promise<void> {
  const enough = () => held(account.mark >= mark + RECOVERED_NUMBERS);
  await until(enough, {
    what: `notifications are acknowledged ${what}`,
    timeoutMs: RECOVERY_TIMEOUT_MS,
    signal: run.signal,
  });
}

/** A command that comes while the server is down is answered once it is up. */
async function askMeanwhile({ site, folder, signal, findings }: Run): Promise<void> {
  const { exitCode, reply, stderr } = await zeelosRequest([site.gatewayId, LESHAN, 'read', '/3/0/0'], folder, signal);
  findings.expect(
    exitCode === 0 && reply?.rep.code === 'CONTENT',
    `a command sent while the server was down: exit code ${exitCode} ${stderr}`,
  );
}

/** The device of the adapter lives in it: it registers anew and its values come again. */
async function modbusGoesOn({ site, signal }: Run): Promise<void> {
  const since = Date.now();
  await until(async () => held(((await site.influx.newest(MODBUS))?.timestampMs ?? 0) > since), {
    what: 'values of the Modbus unit arrive after the kill of its adapter',
    timeoutMs: RECOVERY_TIMEOUT_MS,
    signal,
    pauseMs: 1_000,
  });
}

/** Without Kafka nothing may be acknowledged: what the server held then ends with it, and the devices repeat it to the next. */
async function killKafka(run: Run, devices: Devices): Promise<void> {
  const { system, findings, signal } = run;
  findings.progress('the edge Kafka is killed, then lwm2m-server');
  await system.stack.kill('kafka-edge');
  await sleep(SETTLE_MS, signal);
  const before = devices.account.mark;
  await sleep(DOWN_MS, signal);
  findings.expect(devices.account.mark === before, 'notifications were acknowledged while Kafka was away');
  await system.service('lwm2m-server').kill();
  await unlessAborted(system.stack.start('kafka-edge'), signal);
  system.service('lwm2m-server').start();
  await unlessAborted(system.ready('lwm2m-server'), signal);
  await recovered(run, devices, 'after the kill of the edge Kafka', before);
}
