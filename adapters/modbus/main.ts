import { readFile } from 'node:fs/promises';
import { Counter, Gauge, type Registry } from 'prom-client';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { type Health, openHealth } from '../../common/health.ts';
import { Closers, untilAborted } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { SettingsOf } from '../../common/settings.ts';
import { type AdaptedUnit, ModbusAdapter } from './adapter.ts';
import { parseMapping } from './mapping.ts';
import type { MODBUS_SETTINGS } from './settings.ts';
import type { UnitCounters } from './unit.ts';

/** The `modbus` sub-command. Rejects MODBUS_CONFIG, TRANSPORT_BIND. */
export async function main(
  settings: SettingsOf<typeof MODBUS_SETTINGS>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  const mapping = parseMapping(await readMapping(settings.mappingFile));
  const closers = new Closers(log);
  try {
    const { healthAddress: address, healthPort } = settings;
    const health = await openHealth({ service: 'modbus', address, port: healthPort });
    closers.add('health', () => health.close());
    const adapter = await ModbusAdapter.start({ mapping, server: settings.serverUri, log });
    closers.add('adapter', () => adapter.close());
    exposeUnits(health, adapter.units);
    log.info({ units: adapter.units.length, server: settings.serverUri, healthPort: health.port }, 'started');
    await untilAborted(signal);
  } finally {
    await closers.closeAll();
    log.info('stopped');
  }
}

async function readMapping(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new PlatformError('MODBUS_CONFIG', `mapping file: ${messageOf(cause)}`, { details: { file }, cause });
  }
}

const COUNTERS = {
  polls: 'Read requests of polling',
  pollFailures: 'Read requests of polling that failed',
  exceptions: 'Modbus exceptions, of reads and writes',
  writes: 'Successful writes',
} as const satisfies Record<keyof UnitCounters, string>;

function exposeUnits(health: Health, units: readonly AdaptedUnit[]): void {
  const { metrics } = health;
  for (const [name, help] of Object.entries(COUNTERS) as [keyof UnitCounters, string][]) {
    exposeCounter(metrics, name, help, units);
  }
  const gauge = (name: string, help: string, value: (unit: AdaptedUnit) => boolean): Gauge =>
    new Gauge({
      name: `zeelos_modbus_unit_${name}`,
      help,
      labelNames: ['endpoint'],
      registers: [metrics],
      collect() {
        for (const unit of units) this.set({ endpoint: unit.mapping.endpointName }, value(unit) ? 1 : 0);
      },
    });
  gauge('reachable', '1 while the unit answers', ({ unit }) => unit.reachable);
  gauge(
    'registered',
    '1 while the unit is registered at the LwM2M server',
    ({ device }) => device.state === 'registered',
  );
}

function exposeCounter(metrics: Registry, name: keyof UnitCounters, help: string, units: readonly AdaptedUnit[]): void {
  const snakeCase = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  new Counter({
    name: `zeelos_modbus_${snakeCase}_total`,
    help,
    labelNames: ['endpoint'],
    registers: [metrics],
    collect() {
      this.reset();
      for (const { mapping, unit } of units) this.inc({ endpoint: mapping.endpointName }, unit.counters[name]);
    },
  });
}
