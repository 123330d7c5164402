import { PlatformError } from '../../common/errors.ts';
import type { AvroResource, AvroType } from '../../schemas/generated/records.ts';

/** How opaque values are written: the legacy paths use hex, the versioned ones base64. */
export type OpaqueText = 'hex' | 'base64';

type AvroValue = AvroResource['value'];

/** Without a model a type is guessed as Leshan's demo server does: a whole number is INTEGER, any other FLOAT. */
export function guessType(value: unknown): AvroType | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? 'INTEGER' : 'FLOAT';
  if (typeof value === 'boolean') return 'BOOLEAN';
  return typeof value === 'string' ? 'STRING' : undefined;
}

const READERS: Readonly<Record<AvroType, (value: unknown, opaque: OpaqueText) => AvroValue | undefined>> = {
  STRING: (value) => (typeof value === 'string' ? { string: value } : undefined),
  INTEGER: readInteger,
  FLOAT: readFloat,
  BOOLEAN: readBoolean,
  OPAQUE: readOpaque,
  TIME: readTime,
  OBJLNK: (value) => (typeof value === 'string' && /^\d{1,5}:\d{1,5}$/.test(value) ? { string: value } : undefined),
};

/** Reads what JSON or a text body holds as a value of this type. Throws LWM2M_REQUEST. */
export function valueOfType(type: AvroType, value: unknown, opaque: OpaqueText, path: string): AvroValue {
  const read = READERS[type](value, opaque);
  if (read === undefined) throw new PlatformError('LWM2M_REQUEST', `${path}: the value is no ${type}`);
  return read;
}

/** Text is allowed for numbers: text bodies have nothing else, and JSON cannot carry 64 bits. */
function readInteger(value: unknown): AvroValue | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { long: value } : undefined;
  if (typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)) return undefined;
  const whole = BigInt(value);
  // Avro's long is signed; unsigned values above it have no place in a record.
  if (BigInt.asIntN(64, whole) !== whole) return undefined;
  return { long: Number.isSafeInteger(Number(whole)) ? Number(whole) : whole };
}

function readFloat(value: unknown): AvroValue | undefined {
  if (typeof value === 'number') return { double: value };
  if (typeof value !== 'string' || !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) return undefined;
  const double = Number(value);
  return Number.isFinite(double) ? { double } : undefined;
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false, '1': true, '0': false };

function readBoolean(value: unknown): AvroValue | undefined {
  const boolean =
    typeof value === 'string' && Object.hasOwn(BOOLEANS, value) ? BOOLEANS[value] : (value as boolean | undefined);
  return typeof boolean === 'boolean' ? { boolean } : undefined;
}

function readOpaque(value: unknown, opaque: OpaqueText): AvroValue | undefined {
  if (typeof value !== 'string') return undefined;
  const fits =
    opaque === 'hex'
      ? /^([0-9a-fA-F]{2})*$/.test(value)
      : value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
  return fits ? { string: Buffer.from(value, opaque).toString('base64') } : undefined;
}

/** RFC 3339, or milliseconds since 1970. */
function readTime(value: unknown): AvroValue | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { long: value } : undefined;
  if (typeof value !== 'string') return undefined;
  if (/^-?\d{1,15}$/.test(value)) return { long: Number(value) };
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value);
  const long = isDate ? Date.parse(value) : Number.NaN;
  return Number.isNaN(long) ? undefined : { long };
}
