import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from '../bin/service-table.ts';
import { type System, startSystem } from '../bin/system.ts';
import { freeSystemPorts, type SystemPorts } from '../bin/system-ports.ts';
import type { Log } from '../common/log.ts';
import { type Memory, memoryOf } from './processes.ts';

const DEMO_MAPPING = new URL('../adapters/modbus/demo-mapping.json', import.meta.url);

export interface MeasuredSystemOptions {
  /** The same folder again is a second start. */
  readonly folder: string;
  readonly ports: SystemPorts;
  readonly services: readonly ServiceName[];
  readonly observe: readonly string[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What `zeelos up` starts, on free ports and in a folder of its own. */
export function startMeasuredSystem({ folder, ...o }: MeasuredSystemOptions): Promise<System> {
  const modbusMapping = join(folder, 'mapping.json');
  const demo = JSON.parse(readFileSync(DEMO_MAPPING, 'utf8')) as { connection: object };
  const connection = { ...demo.connection, port: o.ports.modbus };
  writeFileSync(modbusMapping, JSON.stringify({ ...demo, connection }));
  return startSystem({ ...o, dataDir: join(folder, 'data'), gatewayId: 'bench', modbusMapping, onProgress: () => {} });
}

export { freeSystemPorts };

/** Memory of each service that runs. */
export function memoryOfServices(system: System, names: readonly ServiceName[]): Record<string, Memory> {
  return Object.fromEntries(names.map((name) => [name, memoryOf(system.service(name).pid!)]));
}

/** What several processes of one program need together: the pages of the program once. */
export function togetherMb(memories: Readonly<Record<string, Memory>>): number {
  const each = Object.values(memories);
  const ownMb = each.reduce((sum, { privateMb }) => sum + privateMb, 0);
  return Number((ownMb + Math.max(...each.map(({ programMb }) => programMb))).toFixed(1));
}
