import { type IServiceVector, ServerTCP } from 'modbus-serial';
import { Gauge } from 'prom-client';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { openHealth } from '../../common/health.ts';
import { Closers, untilAborted } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { SettingsOf } from '../../common/settings.ts';
import type { Table } from '../modbus/mapping-file.ts';
import type { MODBUS_SIMULATOR_SETTINGS } from './settings.ts';
import { climateUnit, meterUnit, type SimulatedUnit } from './simulated-units.ts';

/** The `simulate-modbus` sub-command: units 1 (climate) and 2 (meter) of demo-mapping.json. Rejects TRANSPORT_BIND. */
export async function main(
  settings: SettingsOf<typeof MODBUS_SIMULATOR_SETTINGS>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  const { healthAddress, healthPort, modbusAddress, modbusPort, intervalMs } = settings;
  const units = new Map([
    [1, climateUnit(Math.random)],
    [2, meterUnit(Math.random)],
  ]);
  const closers = new Closers(log);
  try {
    const health = await openHealth({ service: 'modbus-simulator', address: healthAddress, port: healthPort });
    closers.add('health', () => health.close());
    const server = await openModbusServer({ host: modbusAddress, port: modbusPort, units });
    closers.add('modbus server', () => server.close());
    const timer = setInterval(() => stepAll(units), intervalMs);
    closers.add('timer', () => clearInterval(timer));
    new Gauge({
      name: 'zeelos_modbus_simulator_connections',
      help: 'Open connections',
      registers: [health.metrics],
      collect() {
        this.set(server.connections);
      },
    });
    log.info({ modbusAddress, modbusPort, units: [...units.keys()], healthPort: health.port }, 'started');
    await untilAborted(signal);
  } finally {
    await closers.closeAll();
    log.info('stopped');
  }
}

function stepAll(units: ReadonlyMap<number, SimulatedUnit>): void {
  for (const unit of units.values()) unit.step();
}

export interface ModbusServerOptions {
  readonly host: string;
  readonly port: number;
  readonly units: ReadonlyMap<number, Pick<SimulatedUnit, 'tables'>>;
  /** Units that take requests and never answer. */
  readonly silentUnits?: ReadonlySet<number>;
}

export interface ModbusServer {
  readonly connections: number;
  /** Ends all connections too. */
  close(): Promise<void>;
}

/** Serves the tables of the units over Modbus TCP. Rejects TRANSPORT_BIND. */
export async function openModbusServer(o: ModbusServerOptions): Promise<ModbusServer> {
  const server = new ServerTCP(serviceOf(o), { host: o.host, port: o.port });
  server.on('socketError', () => undefined); // a client that vanished
  server.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.on('initialized', () => resolve());
    server.on('serverError', (cause) => {
      reject(new PlatformError('TRANSPORT_BIND', `Modbus TCP ${o.host}:${o.port}: ${messageOf(cause)}`, { cause }));
    });
  });
  return {
    get connections() {
      return server.socks.size;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Modbus Application Protocol V1.1b3 §7. */
const ILLEGAL_ADDRESS = 2;
const GATEWAY_TARGET_SILENT = 11;

function exception(modbusErrorCode: number): Error {
  return Object.assign(new Error(`exception ${modbusErrorCode}`), { modbusErrorCode });
}

type Answer<T> = (error: Error | null, value: T) => void;

function serviceOf({ units, silentUnits }: ModbusServerOptions): IServiceVector {
  const cell = (table: Table, address: number, unitId: number): Map<number, number> | Error => {
    const unit = units.get(unitId);
    if (unit === undefined) return exception(GATEWAY_TARGET_SILENT);
    return unit.tables[table].has(address) ? unit.tables[table] : exception(ILLEGAL_ADDRESS);
  };
  const get = (table: Table, address: number, unitId: number, answer: Answer<number>): void => {
    if (silentUnits?.has(unitId) === true) return;
    const found = cell(table, address, unitId);
    if (found instanceof Error) answer(found, 0);
    else answer(null, found.get(address)!);
  };
  const set = (
    table: Table,
    address: number,
    value: number,
    unitId: number,
    answer: (e: Error | null) => void,
  ): void => {
    if (silentUnits?.has(unitId) === true) return;
    const found = cell(table, address, unitId);
    if (!(found instanceof Error)) found.set(address, value);
    answer(found instanceof Error ? found : null);
  };
  return {
    getHoldingRegister: (address, unitId, answer) => get('holding-register', address, unitId, answer),
    getInputRegister: (address, unitId, answer) => get('input-register', address, unitId, answer),
    getCoil: (address, unitId, answer) => get('coil', address, unitId, (e, value) => answer(e, value === 1)),
    getDiscreteInput: (address, unitId, answer) =>
      get('discrete-input', address, unitId, (e, value) => answer(e, value === 1)),
    setRegister: (address, value, unitId, answer) => set('holding-register', address, value, unitId, answer),
    setCoil: (address, value, unitId, answer) => set('coil', address, value ? 1 : 0, unitId, answer),
  };
}
