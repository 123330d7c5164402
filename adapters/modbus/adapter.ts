import type { Log } from '../../common/log.ts';
import { systemClock } from '../../lwm2m/client/clock.ts';
import { Lwm2mDevice, type Lwm2mDeviceOptions } from '../../lwm2m/client/device.ts';
import { ModbusBus } from './bus.ts';
import type { ConnectionMapping, ModbusMapping, UnitMapping } from './mapping.ts';
import { ModbusUnit } from './unit.ts';
import { ERROR_CODE_PATH, unitObjects } from './unit-objects.ts';

export interface ModbusAdapterOptions {
  readonly mapping: ModbusMapping;
  /** The LwM2M server. */
  readonly server: { readonly host: string; readonly port: number };
  readonly log?: Log;
  readonly random?: () => number;
  /** For tests: pauses of units and connections, of registration attempts. */
  readonly pauses?: { readonly firstPauseMs: number; readonly longestPauseMs: number };
  readonly timing?: Lwm2mDeviceOptions['timing'];
}

/** One mapped unit at work. */
export interface AdaptedUnit {
  readonly mapping: UnitMapping;
  readonly connection: ConnectionMapping;
  readonly bus: ModbusBus;
  readonly unit: ModbusUnit;
  readonly device: Lwm2mDevice;
}

/** Each Modbus unit of a mapping as an LwM2M device of its own. */
export class ModbusAdapter {
  readonly units: readonly AdaptedUnit[];

  private constructor(units: readonly AdaptedUnit[]) {
    this.units = units;
  }

  /** Waits neither for the units nor for the LwM2M server. Rejects TRANSPORT_BIND; nothing stays open then. */
  static async start(options: ModbusAdapterOptions): Promise<ModbusAdapter> {
    const units: AdaptedUnit[] = [];
    try {
      for (const connection of options.mapping.connections) {
        const bus = openBus(connection, options);
        for (const mapping of connection.units) units.push(await startUnit(mapping, connection, bus, options));
      }
    } catch (error) {
      await closeUnits(units);
      throw error;
    }
    return new ModbusAdapter(units);
  }

  /** Deregisters all devices (best effort) and closes all connections. */
  async close(): Promise<void> {
    await closeUnits(this.units);
  }
}

function openBus({ host, port, timeoutMs }: ConnectionMapping, options: ModbusAdapterOptions): ModbusBus {
  const { log, random = Math.random, pauses } = options;
  return new ModbusBus({ host, port, timeoutMs, clock: systemClock, random, log, ...pauses });
}

async function startUnit(
  mapping: UnitMapping,
  connection: ConnectionMapping,
  bus: ModbusBus,
  options: ModbusAdapterOptions,
): Promise<AdaptedUnit> {
  const { server, log, random = Math.random, pauses, timing } = options;
  let device: Lwm2mDevice | undefined;
  const unit = new ModbusUnit({
    mapping,
    bus,
    clock: systemClock,
    random,
    log,
    ...pauses,
    onChange: (point) => device?.changed(point.path),
    onReachable: () => device?.changed(ERROR_CODE_PATH),
  });
  device = await Lwm2mDevice.start({
    endpointName: mapping.endpointName,
    lifetimeSeconds: mapping.lifetimeSeconds,
    server,
    objects: unitObjects(mapping, unit),
    models: options.mapping.models,
    random,
    ...(log !== undefined && { log }),
    ...(timing !== undefined && { timing }),
  });
  unit.start();
  return { mapping, connection, bus, unit, device };
}

async function closeUnits(units: readonly AdaptedUnit[]): Promise<void> {
  await Promise.all([...new Set(units.map(({ bus }) => bus))].map((bus) => bus.close()));
  await Promise.all(units.map(({ unit }) => unit.stop()));
  await Promise.all(units.map(({ device }) => device.stop()));
}
