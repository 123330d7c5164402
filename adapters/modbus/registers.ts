import { refusal } from '../../lwm2m/client/refusal.ts';

/** How one number lies in registers: how many it takes, and its range where it is whole. */
export const REGISTER_FORMATS = {
  int16: { registers: 1, least: -(2 ** 15), most: 2 ** 15 - 1 },
  uint16: { registers: 1, least: 0, most: 2 ** 16 - 1 },
  int32: { registers: 2, least: -(2 ** 31), most: 2 ** 31 - 1 },
  uint32: { registers: 2, least: 0, most: 2 ** 32 - 1 },
  float32: { registers: 2 },
  float64: { registers: 4 },
} as const satisfies Record<string, { registers: number; least?: number; most?: number }>;

export type RegisterFormat = keyof typeof REGISTER_FORMATS;
export const FORMAT_NAMES = Object.keys(REGISTER_FORMATS) as [RegisterFormat, ...RegisterFormat[]];

export interface ValueFormat {
  readonly format: RegisterFormat;
  /** `big`: the register with the lowest address is the most significant. */
  readonly wordOrder: 'big' | 'little';
  /** Order of the two bytes inside a register; the Modbus standard says `big`. */
  readonly byteOrder: 'big' | 'little';
  /** value = number in the registers × scale + offset */
  readonly scale: number;
  readonly offset: number;
}

const MAX_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;
/** A decimal scale is not exact in binary: 3 × 0.1 is to read 0.3. */
const DECIMAL_DIGITS = 15;

export function isWholeFormat({ format, scale, offset }: ValueFormat): boolean {
  return 'least' in REGISTER_FORMATS[format] && Number.isInteger(scale) && Number.isInteger(offset);
}

/** @param words as many registers as the format takes, unsigned, in address order */
export function decodeRegisters(words: readonly number[], value: ValueFormat): number {
  const bytes = Buffer.alloc(words.length * 2);
  const ordered = value.wordOrder === 'big' ? words : [...words].reverse();
  for (const [i, word] of ordered.entries()) bytes.writeUInt16BE(word, i * 2);
  if (value.byteOrder === 'little') bytes.swap16();
  const raw = readNumber(bytes, value.format);
  if (value.scale === 1 && value.offset === 0) return raw;
  return Number((raw * value.scale + value.offset).toPrecision(DECIMAL_DIGITS));
}

/**
 * The registers for a value, scale and offset undone; a whole format takes the nearest whole number.
 * Throws LWM2M_REFUSED with 4.00 for what the registers cannot hold.
 */
export function encodeRegisters(number: number, value: ValueFormat): number[] {
  const { format } = value;
  const exact = (number - value.offset) / value.scale;
  const row = REGISTER_FORMATS[format];
  const raw = 'least' in row ? Math.round(exact) : exact;
  if (!isInRange(raw, format)) throw refusal('4.00', `${number} does not fit ${format} with this scale and offset`);
  const bytes = Buffer.alloc(row.registers * 2);
  writeNumber(bytes, raw, format);
  if (value.byteOrder === 'little') bytes.swap16();
  const words = Array.from({ length: row.registers }, (_, i) => bytes.readUInt16BE(i * 2));
  return value.wordOrder === 'big' ? words : words.reverse();
}

function isInRange(raw: number, format: RegisterFormat): boolean {
  const row = REGISTER_FORMATS[format];
  if ('least' in row) return raw >= row.least && raw <= row.most;
  return Number.isFinite(raw) && (format === 'float64' || Math.abs(raw) <= MAX_FLOAT32);
}

function readNumber(bytes: Buffer, format: RegisterFormat): number {
  switch (format) {
    case 'int16':
      return bytes.readInt16BE();
    case 'uint16':
      return bytes.readUInt16BE();
    case 'int32':
      return bytes.readInt32BE();
    case 'uint32':
      return bytes.readUInt32BE();
    case 'float32':
      return bytes.readFloatBE();
    case 'float64':
      return bytes.readDoubleBE();
  }
}

function writeNumber(bytes: Buffer, raw: number, format: RegisterFormat): void {
  switch (format) {
    case 'int16':
      bytes.writeInt16BE(raw);
      break;
    case 'uint16':
      bytes.writeUInt16BE(raw);
      break;
    case 'int32':
      bytes.writeInt32BE(raw);
      break;
    case 'uint32':
      bytes.writeUInt32BE(raw);
      break;
    case 'float32':
      bytes.writeFloatBE(raw);
      break;
    case 'float64':
      bytes.writeDoubleBE(raw);
      break;
  }
}
