import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { ProcessGroup } from '../process-group.ts';
import { calm, cpuSeconds, median, residentMb } from '../processes.ts';
import type { Run } from './bench-py.ts';
import type { Measurement } from './results.ts';
import { startServer } from './running-server.ts';
import { type ServerUnderTest, serverUnderTest } from './servers.ts';
import { commandOneByOne, countNotifications, createTopics, fleetResult, startFleet } from './yardstick-tools.ts';

const COMMANDED_DEVICES = 100;
const SAMPLE_EVERY_MS = 5_000;

/** A server under a steady load of confirmable notifications while something else happens. */
async function underLoad<T>(
  run: Run,
  o: { what: string; seconds: number; during: (server: ServerUnderTest, group: ProcessGroup) => Promise<T> },
) {
  const { side, repeat, surroundings, sizes } = run;
  const { broker } = surroundings;
  const server = serverUnderTest(side, `${side}-${o.what}-${repeat}`, surroundings);
  await createTopics(server, surroundings);
  const group = await startServer(server, surroundings);
  try {
    const { busyBefore } = await calm();
    const ready = join(surroundings.folder, `${server.gatewayId}.ready`);
    const fleet = startFleet(surroundings, {
      ...{ mode: 'notify', type: 'con', devices: sizes.load.devices, rate: sizes.load.perSecond, prefix: 'load-' },
      ...{ duration: o.seconds, 'ready-file': ready, 'max-time': o.seconds + 60 },
    });
    while (!existsSync(ready) && fleet.isRunning) await sleep(10);
    const before = { server: cpuSeconds(group.pid), broker: cpuSeconds(broker.pid) };
    const during = await o.during(server, group);
    await fleet.stop();
    const result = await fleetResult(fleet);
    const serverCpu = cpuSeconds(group.pid) - before.server;
    const brokerCpu = cpuSeconds(broker.pid) - before.broker;
    const counted = await countNotifications(server, result, surroundings);
    const figures = {
      ...{ side, repeat, busyBefore },
      perSecond: result.notify_per_s,
      serverCpuSeconds: Number(serverCpu.toFixed(2)),
      brokerCpuSeconds: Number(brokerCpu.toFixed(2)),
      fleetCpuSeconds: result.fleet_notify_cpu_s,
      cpuPer100k: Number(((serverCpu / Math.max(1, result.acked)) * 1e5).toFixed(2)),
      serverMb: residentMb(group.pid),
      serverPeakMb: residentMb(group.pid, 'VmHWM'),
      brokerMb: residentMb(broker.pid),
      sent: result.notifications,
      acknowledged: result.acked,
      inTopic: result.notifications - counted.missing,
      lost: Math.max(0, counted.missing - (result.notifications - result.acked)),
      doubled: counted.duplicates,
      retransmitted: result.retransmitted,
    };
    return { figures, during };
  } finally {
    await group.stop();
  }
}

/** Commands one at a time to devices of their own while the others notify. */
export async function commandsUnderLoad(run: Run): Promise<Measurement[]> {
  const { surroundings, sizes } = run;
  const prefix = 'commanded-';
  const { figures, during } = await underLoad(run, {
    what: 'loaded',
    seconds: 90,
    during: async (server) => {
      const flags = { mode: 'serve', devices: COMMANDED_DEVICES, prefix, duration: 90, 'max-time': 120 };
      const serving = startFleet(surroundings, flags);
      await sleep(2_000);
      const asked = { server, prefix, devices: COMMANDED_DEVICES, count: sizes.load.commands };
      const answers = await commandOneByOne(asked, surroundings);
      await serving.stop();
      if (answers.error !== undefined) throw new PlatformError('STACK_START_FAILED', answers.error);
      return answers;
    },
  });
  const { p50_ms: p50Ms, p99_ms: p99Ms, unanswered } = during;
  const name = `one at a time, ${sizes.load.perSecond} notifications/s`;
  return [{ ...figures, phase: 'loaded', case: name, p50Ms, p99Ms, lost: figures.lost + unanswered }];
}

/** A long time under load: what memory grows by from its second tenth to its last. */
export async function soak(run: Run): Promise<Measurement[]> {
  const { soakSeconds, load } = run.sizes;
  const { figures, during } = await underLoad(run, {
    what: 'soak',
    seconds: soakSeconds,
    during: async (_server, group) => {
      const samples: number[] = [];
      const endsAtMs = performance.now() + soakSeconds * 1_000;
      const everyMs = Math.min(SAMPLE_EVERY_MS, (soakSeconds * 1_000) / 20);
      while (performance.now() < endsAtMs && group.isRunning) {
        await sleep(everyMs);
        samples.push(residentMb(group.pid));
        process.stderr.write(`soak: ${samples.at(-1)} MB\n`);
      }
      return samples;
    },
  });
  const tenth = Math.max(1, Math.floor(during.length / 10));
  const growthMb = median(during.slice(-tenth)) - median(during.slice(tenth, 2 * tenth));
  const name = `${load.perSecond} notifications/s for ${soakSeconds} s`;
  return [{ ...figures, phase: 'soak', case: name, seconds: soakSeconds, growthMb: Number(growthMb.toFixed(1)) }];
}
