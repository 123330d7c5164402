import { defineObject } from '../definition.ts';

/** Not an OMA object: the one that zeelos defined for Modbus units, urn:oma:lwm2m:ext:26241. */
// biome-ignore format: one resource, one line
export const modbus = defineObject(
  { id: 26241, name: 'Modbus', version: '1.0', occurrence: 'MO', description: 'Registers and bits of one Modbus unit' },
  [
    [26251, 'Holding Register', 'RW', 'SM', 'INTEGER', '', '', 'One holding register'],
    [26252, 'Input Register', 'R', 'SM', 'INTEGER', '', '', 'One input register'],
    [26253, 'Coil', 'RW', 'SM', 'BOOLEAN', '', '', 'One coil'],
    [26254, 'Discrete Input', 'R', 'SM', 'BOOLEAN', '', '', 'One discrete input'],
    [26255, 'Holding Registers', 'RW', 'MM', 'INTEGER', '', '', 'Holding registers in a row, the first as instance 0'],
    [26256, 'Input Registers', 'R', 'MM', 'INTEGER', '', '', 'Input registers in a row, the first as instance 0'],
    [26257, 'Coils', 'RW', 'MM', 'BOOLEAN', '', '', 'Coils in a row, the first as instance 0'],
    [26258, 'Discrete Inputs', 'R', 'MM', 'BOOLEAN', '', '', 'Discrete inputs in a row, the first as instance 0'],
  ],
);
