import {
  constant,
  type DeviceObject,
  type DeviceResource,
  instanceMap,
  type Reading,
  resourceMap,
  type WriteMode,
} from '../../lwm2m/client/object-tree.ts';
import { refusal } from '../../lwm2m/client/refusal.ts';
import type { ResourceValue } from '../../lwm2m/content/node.ts';
import type { Values } from './bus.ts';
import type { Point, UnitMapping } from './mapping.ts';
import { decodeRegisters, encodeRegisters } from './registers.ts';
import type { ModbusUnit } from './unit.ts';

const DEVICE_OBJECT = 3;
export const ERROR_CODE_PATH = { objectId: DEVICE_OBJECT, instanceId: 0, resourceId: 11 } as const;
/** Error codes of resource /3/0/11. */
const NO_ERROR = 0;
const PERIPHERAL_MALFUNCTION = 8;

/** The objects of a unit as its LwM2M device serves them. Object 3 is added where the mapping has none. */
export function unitObjects(mapping: UnitMapping, unit: ModbusUnit): DeviceObject[] {
  const byObject = new Map<number, Map<number, DeviceResource[]>>();
  const add = (path: Point['path'], resource: DeviceResource): void => {
    const instances = byObject.get(path.objectId) ?? new Map<number, DeviceResource[]>();
    const resources = instances.get(path.instanceId) ?? [];
    byObject.set(path.objectId, instances.set(path.instanceId, [...resources, resource]));
  };
  for (const { path, value } of mapping.constants) add(path, constant(path.resourceId, value));
  for (const point of mapping.points) add(point.path, pointResource(point, unit));
  const objects = [...byObject].map(([id, instances]) => ({
    id,
    instances: instanceMap([...instances].map(([at, resources]) => ({ id: at, resources: resourceMap(resources) }))),
  }));
  return byObject.has(DEVICE_OBJECT) ? objects : [deviceObject(mapping, unit), ...objects];
}

/** Its error code tells that the unit does not answer. */
function deviceObject(mapping: UnitMapping, unit: ModbusUnit): DeviceObject {
  const errorCode = (): Reading => {
    const value = unit.reachable ? NO_ERROR : PERIPHERAL_MALFUNCTION;
    return { type: 'INTEGER', values: new Map([[0, { type: 'INTEGER', value }]]) };
  };
  const resources = resourceMap([
    constant(0, { type: 'STRING', value: 'zeelos' }),
    constant(1, { type: 'STRING', value: 'Modbus adapter' }),
    constant(2, { type: 'STRING', value: `unit ${mapping.unitId}` }),
    { id: ERROR_CODE_PATH.resourceId, read: errorCode, dimension: () => 1 },
    constant(16, { type: 'STRING', value: 'U' }),
  ]);
  return { id: DEVICE_OBJECT, instances: instanceMap([{ id: 0, resources }]) };
}

function pointResource(point: Point, unit: ModbusUnit): DeviceResource {
  return {
    id: point.path.resourceId,
    read: async () => readingOf(point, await unit.values(point)),
    ...(point.writable && { write: (reading: Reading, mode: WriteMode) => writePoint(point, unit, reading, mode) }),
    ...(point.quantity > 0 && { dimension: () => point.quantity }),
  };
}

function readingOf(point: Point, values: Values): Reading {
  if (point.quantity === 0) return resourceValue(point, values);
  const all = new Map<number, ResourceValue>();
  for (let i = 0; i < point.quantity; i++) {
    all.set(i, resourceValue(point, values.slice(i * point.width, (i + 1) * point.width)));
  }
  return { type: point.resourceType, values: all };
}

function resourceValue(point: Point, values: Values): ResourceValue {
  if (point.resourceType === 'BOOLEAN') return { type: 'BOOLEAN', value: values[0] === true };
  return { type: point.resourceType, value: decodeRegisters(values as readonly number[], point.format) };
}

/** Everything is checked before the bus is touched. */
async function writePoint(point: Point, unit: ModbusUnit, reading: Reading, mode: WriteMode): Promise<void> {
  if (point.quantity === 0) {
    if ('values' in reading) throw refusal('4.00', 'the resource has a single value');
    await unit.write(point, 0, registersOf(point, reading));
    return;
  }
  if (!('values' in reading)) throw refusal('4.00', 'the resource has multiple values');
  const ids = [...reading.values.keys()].sort((a, b) => a - b);
  if (ids.some((id) => id >= point.quantity))
    throw refusal('4.04', `resource instances are 0 to ${point.quantity - 1}`);
  if (mode === 'replace' && ids.length !== point.quantity) throw refusal('4.00', 'registers cannot be taken away');
  for (const { index, values } of runsOf(point, ids, reading.values)) await unit.write(point, index, values);
}

interface Run {
  readonly index: number;
  readonly values: Values;
}

/** Consecutive resource instances go out in one write. */
function runsOf(point: Point, ids: readonly number[], values: ReadonlyMap<number, ResourceValue>): Run[] {
  const runs: { index: number; values: (number | boolean)[] }[] = [];
  for (const id of ids) {
    const registers = registersOf(point, values.get(id)!);
    const index = id * point.width;
    const last = runs.at(-1);
    if (last !== undefined && last.index + last.values.length === index) last.values.push(...registers);
    else runs.push({ index, values: [...registers] });
  }
  return runs as Run[];
}

function registersOf(point: Point, value: ResourceValue): Values {
  if (point.resourceType === 'BOOLEAN') {
    if (value.type === 'BOOLEAN') return [value.value];
  } else if (value.type === 'INTEGER' || value.type === 'FLOAT') {
    return encodeRegisters(Number(value.value), point.format);
  }
  throw refusal('4.00', `a value of type ${point.resourceType} is expected`);
}
