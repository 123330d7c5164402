import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceName } from '../bin/service-table.ts';
import { sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';
import { startFleet } from './load-source.ts';
import { freeSystemPorts, memoryOfServices, startMeasuredSystem, togetherMb } from './measured-system.ts';
import { calm } from './processes.ts';

export const MEMORY_SETTINGS = {
  devices: { about: 'devices, each with one observation', schema: wholeNumber(1, 20_000).default(1_000) },
  inflight: { about: 'unanswered notifications in all; one per device', schema: wholeNumber(1, 20_000).default(256) },
  seconds: { about: 'length of the load', schema: wholeNumber(1, 600).default(10) },
  fleet: { about: 'another load source with the flags of bench/fleet.ts', schema: text.optional() },
} as const satisfies SettingsTable;

/** What runs on a gateway; the Modbus server is the adapter's other side. */
const EDGE: readonly ServiceName[] = ['lwm2m-server', 'replicator', 'modbus'];
const REST_MS = 10_000;

/** Memory of the services of one gateway: idle, with the devices registered, right after a time of full load, and at rest again. */
export async function memory(
  settings: SettingsOf<typeof MEMORY_SETTINGS>,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-'));
  const ports = await freeSystemPorts();
  const services: readonly ServiceName[] = [...EDGE, 'simulate-modbus'];
  const quiet = await calm();
  const system = await startMeasuredSystem({ folder, ports, services, observe: ['/3303/*/5700'], log, signal });
  const now = (state: string) => {
    const each = memoryOfServices(system, EDGE);
    console.log(
      JSON.stringify({
        benchmark: 'memory',
        state,
        devices: settings.devices,
        ...each,
        togetherMb: togetherMb(each),
        ...quiet,
      }),
    );
  };
  try {
    await Promise.all(services.map((name) => system.ready(name)));
    await sleep(REST_MS, signal);
    now('idle');
    const fleet = startFleet({ ...settings, port: ports.coap, prefix: 'bench-' }, ['--settle', '10']);
    await sleep(6_000, signal);
    now('registered');
    await fleet.result;
    now('after load');
    await sleep(REST_MS, signal);
    now('at rest');
  } finally {
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
