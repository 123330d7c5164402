import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  decodeRegisters,
  encodeRegisters,
  FORMAT_NAMES,
  REGISTER_FORMATS,
  type ValueFormat,
} from '../../../../adapters/modbus/registers.ts';

const PLAIN: ValueFormat = { format: 'int16', wordOrder: 'big', byteOrder: 'big', scale: 1, offset: 0 };

/** Bit patterns written out by hand from IEEE 754 and two's complement. */
const VECTORS: readonly (readonly [string, Partial<ValueFormat>, readonly number[], number])[] = [
  ['int16', { format: 'int16' }, [0xffff], -1],
  ['uint16', { format: 'uint16' }, [0xffff], 65_535],
  ['int32', { format: 'int32' }, [0xffff, 0xfffe], -2],
  ['int32, words swapped', { format: 'int32', wordOrder: 'little' }, [0xfffe, 0xffff], -2],
  ['uint32', { format: 'uint32' }, [0x0001, 0x0002], 65_538],
  ['uint32, bytes swapped', { format: 'uint32', byteOrder: 'little' }, [0x0100, 0x0200], 65_538],
  ['uint32, all swapped', { format: 'uint32', byteOrder: 'little', wordOrder: 'little' }, [0x0200, 0x0100], 65_538],
  ['float32', { format: 'float32' }, [0x41bc, 0x0000], 23.5],
  ['float32, words swapped', { format: 'float32', wordOrder: 'little' }, [0x0000, 0x41bc], 23.5],
  ['float64', { format: 'float64' }, [0x4037, 0x8000, 0, 0], 23.5],
  ['float64, words swapped', { format: 'float64', wordOrder: 'little' }, [0, 0, 0x8000, 0x4037], 23.5],
  ['a scale of tenths', { format: 'int16', scale: 0.1 }, [3], 0.3],
  ['scale and offset', { format: 'uint16', scale: 0.5, offset: -40 }, [100], 10],
];

describe('Modbus registers', () => {
  for (const [name, format, words, value] of VECTORS) {
    it(`decodes ${name}`, () => assert.equal(decodeRegisters(words, { ...PLAIN, ...format }), value));
    it(`encodes ${name}`, () => assert.deepEqual(encodeRegisters(value, { ...PLAIN, ...format }), words));
  }

  it('takes the nearest whole number', () => {
    assert.deepEqual(encodeRegisters(21.26, { ...PLAIN, scale: 0.1 }), [213]);
  });

  for (const [format, value] of [
    ['int16', 32_768],
    ['int16', -32_769],
    ['uint16', -1],
    ['uint16', 65_536],
    ['int32', 2 ** 31],
    ['uint32', 2 ** 32],
    ['float32', 1e39],
    ['float32', Number.NaN],
    ['float64', Number.POSITIVE_INFINITY],
    ['int16', Number.NaN],
  ] as const) {
    it(`refuses ${value} for ${format}`, () => {
      assert.throws(
        () => encodeRegisters(value, { ...PLAIN, format }),
        (error: { code: string; details: { responseCode: string } }) => {
          return error.code === 'LWM2M_REFUSED' && error.details.responseCode === '4.00';
        },
      );
    });
  }

  it('gives back every register pattern that is a number', () => {
    const order = fc.constantFrom('big', 'little');
    fc.assert(
      fc.property(
        fc.constantFrom(...FORMAT_NAMES),
        order,
        order,
        fc.array(fc.nat(0xffff), { minLength: 4, maxLength: 4 }),
        (format, wordOrder, byteOrder, all) => {
          const value: ValueFormat = { ...PLAIN, format, wordOrder, byteOrder };
          const words = all.slice(0, REGISTER_FORMATS[format].registers);
          const decoded = decodeRegisters(words, value);
          if (!Number.isFinite(decoded)) return;
          assert.deepEqual(encodeRegisters(decoded, value), words);
        },
      ),
    );
  });
});
