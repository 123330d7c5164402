import { Gauge } from 'prom-client';
import { type Health, openHealth } from '../../common/health.ts';
import { Closers, untilAborted } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { SettingsOf } from '../../common/settings.ts';
import { Fleet, type FleetCounts } from './fleet.ts';
import type { SIMULATOR_SETTINGS } from './settings.ts';

/** The `simulate` sub-command. Rejects TRANSPORT_BIND. */
export async function main(
  settings: SettingsOf<typeof SIMULATOR_SETTINGS>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  const { healthAddress: address, healthPort, serverUri: server, ...rest } = settings;
  const closers = new Closers(log);
  try {
    const health = await openHealth({ service: 'simulator', address, port: healthPort });
    closers.add('health', () => health.close());
    const fleet = await Fleet.start({ ...rest, server, signal, log });
    closers.add('fleet', () => fleet.close());
    exposeCounts(health, fleet);
    log.info({ devices: fleet.counts.devices, server, healthPort: health.port }, 'started');
    await untilAborted(signal);
  } finally {
    await closers.closeAll();
    log.info('stopped');
  }
}

const GAUGES = {
  devices: 'Simulated devices',
  registered: 'Devices that are registered',
  observations: 'Observations of all devices',
  notifications: 'Notifications sent since the start',
} as const satisfies Record<keyof FleetCounts, string>;

function exposeCounts(health: Health, fleet: Fleet): void {
  for (const [name, help] of Object.entries(GAUGES) as [keyof FleetCounts, string][]) {
    new Gauge({
      name: `zeelos_simulator_${name}`,
      help,
      registers: [health.metrics],
      collect() {
        this.set(fleet.counts[name]);
      },
    });
  }
}
