import {
  constant,
  type DeviceInstance,
  type DeviceObject,
  type DeviceResource,
  instanceMap,
  type Reading,
  resourceMap,
} from '../../lwm2m/client/object-tree.ts';
import { refusal } from '../../lwm2m/client/refusal.ts';
import type { TemperatureSensor } from './temperature-sensor.ts';

/** What a demo device lets be written. */
export interface DemoState {
  utcOffset: string;
  timezone: string;
}

const MAX_TEXT_CHARS = 64;

/** Equal in all devices, so they share them. */
const DEVICE_CONSTANTS: readonly DeviceResource[] = [
  constant(0, { type: 'STRING', value: 'zeelos' }),
  constant(1, { type: 'STRING', value: 'zeelos demo device' }),
  constant(3, { type: 'STRING', value: '1.0.0' }),
  { id: 4, execute: () => undefined }, // Reboot: taken, and of no effect on a simulated device
  constant(9, { type: 'INTEGER', value: 100 }),
  { ...constant(11, { type: 'INTEGER', values: new Map([[0, { type: 'INTEGER', value: 0 }]]) }), dimension: () => 1 },
  constant(16, { type: 'STRING', value: 'U' }),
  constant(17, { type: 'STRING', value: 'demo' }),
];
const CURRENT_TIME: DeviceResource = { id: 13, read: () => ({ type: 'TIME', value: Date.now() }) };
const CELSIUS = constant(5701, { type: 'STRING', value: 'Cel' });

/** Object 3, Device. */
export function deviceObject(serialNumber: string, state: DemoState): DeviceObject {
  const resources = resourceMap([
    ...DEVICE_CONSTANTS,
    constant(2, { type: 'STRING', value: serialNumber }),
    CURRENT_TIME,
    textResource(14, state, 'utcOffset'),
    textResource(15, state, 'timezone'),
  ]);
  return { id: 3, instances: instanceMap([{ id: 0, resources }]) };
}

function textResource(id: number, state: DemoState, name: keyof DemoState): DeviceResource {
  return {
    id,
    read: () => ({ type: 'STRING', value: state[name] }),
    write: (reading: Reading) => {
      const isText = 'value' in reading && reading.type === 'STRING' && reading.value.length <= MAX_TEXT_CHARS;
      if (!isText) throw refusal('4.00', `expected at most ${MAX_TEXT_CHARS} characters of text`);
      state[name] = reading.value as string;
    },
  };
}

/** Object 6, Location: around Athens, a little elsewhere for each device. */
export function locationObject(random: () => number): DeviceObject {
  const latitude = Math.round((37.9 + 0.2 * random()) * 1e5) / 1e5;
  const longitude = Math.round((23.6 + 0.2 * random()) * 1e5) / 1e5;
  const resources = resourceMap([
    constant(0, { type: 'FLOAT', value: latitude }),
    constant(1, { type: 'FLOAT', value: longitude }),
    constant(5, { type: 'TIME', value: Date.now() }),
  ]);
  return { id: 6, instances: instanceMap([{ id: 0, resources }]) };
}

/** Object 3303, Temperature: one instance for each sensor. */
export function temperatureObject(sensors: readonly TemperatureSensor[], onReset: (id: number) => void): DeviceObject {
  return { id: 3303, instances: instanceMap(sensors.map((sensor, id) => temperatureInstance(id, sensor, onReset))) };
}

function temperatureInstance(id: number, sensor: TemperatureSensor, onReset: (id: number) => void): DeviceInstance {
  const reset = (): void => {
    sensor.reset();
    onReset(id);
  };
  const resources = resourceMap([
    { id: 5700, read: () => ({ type: 'FLOAT', value: sensor.value }) },
    CELSIUS,
    { id: 5601, read: () => ({ type: 'FLOAT', value: sensor.lowest }) },
    { id: 5602, read: () => ({ type: 'FLOAT', value: sensor.highest }) },
    { id: 5605, execute: reset },
  ]);
  return { id, resources };
}
