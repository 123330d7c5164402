import { sleep } from '../../common/lifecycle.ts';
import type { ProcessGroup } from '../process-group.ts';
import { cpuSeconds, residentMb } from '../processes.ts';
import type { Run } from './bench-py.ts';
import { ProbeDevice } from './probe-device.ts';
import type { Measurement } from './results.ts';
import { isReady, launch, metricsOf, startServer } from './running-server.ts';
import { type ServerUnderTest, serverUnderTest } from './servers.ts';
import { createTopics, fleetResult, startFleet } from './yardstick-tools.ts';

const REST_MS = 3_000;
const RESTARTS_WITHIN_MS = 120_000;
const PROBES = 3;

/** Memory with few and with many devices, each with one observation; then, for ours, a kill and a start with all of them. */
export async function memoryAndRestart(run: Run, withRestart: boolean): Promise<Measurement[]> {
  const { surroundings, sizes } = run;
  const server = serverUnderTest(run.side, `${run.side}-memory-${run.repeat}`, surroundings);
  await createTopics(server, surroundings);
  const group = await startServer(server, surroundings);
  let latest = group;
  try {
    const measured = [...(await fill(run, group))];
    if (withRestart) {
      const restarted = await restart({ run, server, group, devices: sizes.memory.large });
      latest = restarted.group;
      measured.push(restarted.measurement);
    }
    return measured;
  } finally {
    await latest.stop();
  }
}

/** Each fleet has a loopback address of its own, so that every device has a port of its own. */
async function fill({ side, repeat, surroundings, sizes }: Run, group: ProcessGroup): Promise<Measurement[]> {
  const { small, large, perFleet } = sizes.memory;
  const measured: Measurement[] = [];
  let [registered, observed] = [0, 0];
  for (let devices = 0, count = 0; devices < large; devices += perFleet, count++) {
    const fleet = startFleet(surroundings, {
      ...{ mode: 'register', devices: perFleet, sockets: perFleet, bind: `127.0.0.${count + 2}` },
      ...{ prefix: `m${count}-`, 'max-time': 100 },
    });
    const result = await fleetResult(fleet);
    registered += result.registered;
    observed += result.observes;
    const total = devices + perFleet;
    if (total !== small && total !== large) continue;
    await sleep(REST_MS);
    measured.push({
      ...{ side, repeat, phase: 'memory', case: String(total) },
      serverMb: residentMb(group.pid),
      serverPeakMb: residentMb(group.pid, 'VmHWM'),
      brokerMb: residentMb(surroundings.broker.pid),
      serverCpuSeconds: cpuSeconds(group.pid),
      sent: total,
      acknowledged: registered,
      lost: total - observed,
    });
  }
  return measured;
}

/** From the start of the process until it is ready, knows the old devices and acknowledges notifications of their observations. */
async function restart(o: { run: Run; server: ServerUnderTest; group: ProcessGroup; devices: number }) {
  const { run, server, devices } = o;
  const { ports } = run.surroundings;
  const probes: ProbeDevice[] = [];
  for (let n = 0; n < PROBES; n++) probes.push(await ProbeDevice.start(`probe-${n}`, ports.coap));
  await sleep(REST_MS);
  await o.group.stop('SIGKILL');
  const startedAtMs = performance.now();
  const group = launch(server, run.surroundings);
  try {
    const deadlineMs = startedAtMs + RESTARTS_WITHIN_MS;
    const known = await Promise.all(probes.map((probe) => probe.known(deadlineMs)));
    while (!(await isReady(ports.health)) && performance.now() < deadlineMs) await sleep(20);
    const seconds = (Math.max(performance.now(), ...known) - startedAtMs) / 1_000;
    const metrics = await metricsOf(ports.health);
    const registrations = metrics.get('lwm2m_registrations') ?? 0;
    const observations = metrics.get('lwm2m_observations') ?? 0;
    const measurement: Measurement = {
      ...{ side: run.side, repeat: run.repeat, phase: 'restart', case: String(devices) },
      seconds: Number(seconds.toFixed(2)),
      serverCpuSeconds: cpuSeconds(group.pid),
      serverMb: residentMb(group.pid),
      serverPeakMb: residentMb(group.pid, 'VmHWM'),
      sent: devices + PROBES,
      inTopic: registrations,
      lost: 2 * (devices + PROBES) - registrations - observations,
    };
    return { group, measurement };
  } catch (error) {
    await group.stop();
    throw error;
  } finally {
    for (const probe of probes) probe.close();
  }
}
