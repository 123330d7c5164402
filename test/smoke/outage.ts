import { sleep } from '../../common/lifecycle.ts';
import type { ServerName } from '../../stack/stack.ts';
import { type Devices, LATE_DEVICE } from './devices.ts';
import { killServer } from './kills.ts';
import type { Run } from './run.ts';
import { untilStored } from './stored.ts';
import { held, unlessAborted, until } from './waiting.ts';

const CLOUD: readonly ServerName[] = ['orientdb', 'influxdb', 'registry', 'kafka-cloud'];
const LOOK_INTERVAL_MS = 5_000;
const LATE_DEVICE_TIMEOUT_MS = 15_000;

/** Takes the whole cloud away for a while: the edge must go on, and afterwards nothing acknowledged may be missing. */
export async function cloudOutage(run: Run, devices: Devices, durationMs: number): Promise<void> {
  const { stack } = run.system;
  const { signal, findings } = run;
  findings.progress('the cloud is stopped');
  await unlessAborted(Promise.all(CLOUD.map((name) => stack.stop(name))), signal);
  const mark = devices.account.mark;
  const endAtMs = performance.now() + durationMs;
  await devices.startLateDevice();
  const observed = () => held(devices.account.observed.has(LATE_DEVICE));
  await until(observed, { what: 'a device registers without the cloud', timeoutMs: LATE_DEVICE_TIMEOUT_MS, signal });
  await edgeGoesOn(run, devices, performance.now() + (endAtMs - performance.now()) / 2);
  findings.progress('lwm2m-server is killed and starts without the cloud');
  await killServer(run, devices);
  await edgeGoesOn(run, devices, endAtMs);
  const numbers = devices.account.since(mark);
  findings.progress(`the cloud is started again; ${numbers.length} notifications were acknowledged without it`);
  await unlessAborted(Promise.all(CLOUD.map((name) => stack.start(name))), signal);
  findings.report.outage = await untilStored(run, numbers);
  findings.progress(`caught up: ${findings.report.outage.stored} of ${numbers.length} stored exactly once`);
  findings.expect(
    findings.report.outage.stored === numbers.length,
    'notifications of the outage are missing or doubled',
  );
}

async function edgeGoesOn({ signal, findings }: Run, { account }: Devices, untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const before = account.mark;
    await sleep(Math.max(1_000, Math.min(LOOK_INTERVAL_MS, untilMs - performance.now())), signal);
    signal.throwIfAborted();
    findings.expect(account.mark > before, 'no notification was acknowledged for a while without the cloud');
  }
}
