import { MAX_CONTENT_BYTES } from './content-limits.ts';
import { packFault } from './content-records.ts';
import { canonicalInteger } from './integers.ts';
import { readUtf8 } from './utf8.ts';
import type { WireNumber } from './wire-value.ts';

/** A number that JSON.parse would round, or whose decimal point it would lose. */
const NEEDS_SOURCE = /[0-9]{16}|\.0|[eE][+-]?[0-9]/;

/** Longer integers have more than 64 bits; they are read as the floats they then are. */
const INTEGER = /^-?[0-9]{1,20}$/;

/** Labels under which a number is a value, not a time or a version. */
const VALUE_LABELS = new Set(['v', 'bv']);

/** A number whose exact form the text told. */
class ExactNumber {
  readonly number: WireNumber;

  constructor(number: WireNumber) {
    this.number = number;
  }
}

export type JsonFields = Readonly<Record<string, unknown>>;

/** Parses JSON with exact numbers under value labels. Throws LWM2M_CONTENT. Empty payloads are undefined. */
export function parseJsonContent(payload: Uint8Array): unknown {
  if (payload.length > MAX_CONTENT_BYTES) throw packFault(`more than ${MAX_CONTENT_BYTES} bytes`);
  if (payload.length === 0) return undefined;
  const text = readUtf8(payload);
  if (text === undefined) throw packFault('JSON is not UTF-8');
  try {
    return NEEDS_SOURCE.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text);
  } catch (cause) {
    // Also a RangeError: a reviver walks what is nested, and deep nesting ends its stack.
    if (cause instanceof SyntaxError || cause instanceof RangeError) throw packFault('not JSON');
    throw cause;
  }
}

function keepExact(key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || !VALUE_LABELS.has(key)) return value;
  const source = context?.source ?? '';
  if (!INTEGER.test(source)) return new ExactNumber({ kind: 'float', value });
  return Number.isSafeInteger(value)
    ? value
    : new ExactNumber({ kind: 'integer', value: canonicalInteger(BigInt(source)) });
}

/** The number in a value field; undefined when it is none. */
export function wireNumber(field: unknown): WireNumber | undefined {
  if (field instanceof ExactNumber) return field.number;
  if (typeof field !== 'number') return undefined;
  return { kind: Number.isInteger(field) ? 'integer' : 'float', value: field };
}

export function isFields(value: unknown): value is JsonFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** A double as JSON, with a point or an exponent, so that it reads as a FLOAT. */
export function writeJsonFloat(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
