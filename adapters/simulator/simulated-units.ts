import type { Table } from '../modbus/mapping-file.ts';
import { encodeRegisters, type ValueFormat } from '../modbus/registers.ts';
import { sine, TemperatureSensor, upwardTrend } from './temperature-sensor.ts';

/** The tables of one unit: address to value. An address that is not there is answered with an exception. */
export type UnitTables = Readonly<Record<Table, Map<number, number>>>;

export interface SimulatedUnit {
  readonly tables: UnitTables;
  /** Lets time pass by one step. */
  step(): void;
}

const PLAIN = { wordOrder: 'big', byteOrder: 'big', scale: 1, offset: 0 } as const;
const FLOAT32: ValueFormat = { ...PLAIN, format: 'float32' };
const FLOAT32_SWAPPED: ValueFormat = { ...FLOAT32, wordOrder: 'little' };
const TENTHS: ValueFormat = { ...PLAIN, format: 'int16', scale: 0.1 };
const UINT32: ValueFormat = { ...PLAIN, format: 'uint32' };

function emptyTables(): UnitTables {
  return { 'holding-register': new Map(), 'input-register': new Map(), coil: new Map(), 'discrete-input': new Map() };
}

function put(table: Map<number, number>, address: number, words: readonly number[]): void {
  for (const [i, word] of words.entries()) table.set(address + i, word);
}

/** Input registers: 0 temperature, float32; 2 humidity, float32 with swapped words. Holding register 0: setpoint in tenths. */
export function climateUnit(random: () => number): SimulatedUnit {
  const temperature = new TemperatureSensor(upwardTrend, random);
  const humidity = new TemperatureSensor((step) => 30 + sine(step), random);
  const tables = emptyTables();
  const show = (): void => {
    put(tables['input-register'], 0, encodeRegisters(temperature.value, FLOAT32));
    put(tables['input-register'], 2, encodeRegisters(humidity.value, FLOAT32_SWAPPED));
  };
  put(tables['holding-register'], 0, encodeRegisters(21.5, TENTHS));
  show();
  return {
    tables,
    step: () => {
      temperature.measure();
      humidity.measure();
      show();
    },
  };
}

const DOOR_STEPS = 10;

/** Holding registers: 0 temperature in tenths, 1 energy counter uint32, 10 to 13 free. Coil 0: relay. Discrete input 0: door. */
export function meterUnit(random: () => number): SimulatedUnit {
  const temperature = new TemperatureSensor(sine, random);
  const tables = emptyTables();
  let energy = 0;
  let steps = 0;
  const show = (): void => {
    put(tables['holding-register'], 0, encodeRegisters(temperature.value, TENTHS));
    put(tables['holding-register'], 1, encodeRegisters(energy, UINT32));
    tables['discrete-input'].set(0, Math.floor(steps / DOOR_STEPS) % 2);
  };
  put(tables['holding-register'], 10, [1, 2, 3, 4]);
  tables.coil.set(0, 0);
  show();
  return {
    tables,
    step: () => {
      temperature.measure();
      steps++;
      if (tables.coil.get(0) === 1) energy++;
      show();
    },
  };
}
