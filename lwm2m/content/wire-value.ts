import type { Lwm2mPath } from '../path.ts';
import { canonicalInteger, MAX_INT64, MAX_UINT64, MIN_INT64 } from './integers.ts';
import type { ObjectLink, ResourceType, ResourceValue } from './node.ts';
import { contentFault } from './value-site.ts';

/** A number as a format tells it apart: CBOR by its major type, JSON by a decimal point or exponent. */
export type WireNumber =
  | { readonly kind: 'integer'; readonly value: number | bigint }
  | { readonly kind: 'float'; readonly value: number };

/** One value as it stands in a payload, before the model gives it a type. */
export type WireValue =
  | WireNumber
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'encoded'; readonly value: string } // text that is base64 where the model says OPAQUE
  | { readonly kind: 'bytes'; readonly value: Buffer }
  | { readonly kind: 'link'; readonly value: string } // "object:instance"
  | { readonly kind: 'time'; readonly value: number }; // seconds since 1970

const OBJECT_LINK = /^([0-9]{1,5}):([0-9]{1,5})$/;

/** The type that a format tells by itself, for resources without a model. */
const OWN_TYPES = {
  integer: 'INTEGER',
  float: 'FLOAT',
  boolean: 'BOOLEAN',
  text: 'STRING',
  encoded: 'STRING',
  bytes: 'OPAQUE',
  link: 'OBJLNK',
  time: 'TIME',
} as const satisfies Record<WireValue['kind'], ResourceType>;

/**
 * Gives a value the type of its model, or its own. Another type on the wire is taken where nothing gets lost: a whole
 * FLOAT for INTEGER, 0 and 1 for BOOLEAN. What cannot be taken gives the reason: a payload may hold very many of them.
 */
export function typedValue(
  wire: WireValue,
  modelType: ResourceType | undefined,
  unsigned: boolean | undefined,
): ResourceValue | string {
  const type = modelType ?? OWN_TYPES[wire.kind];
  const value = valueOfType(wire, type, modelType === undefined ? undefined : unsigned === true);
  return value ?? `no ${type} in a value that is ${wire.kind} on the wire`;
}

function valueOfType(wire: WireValue, type: ResourceType, unsigned: boolean | undefined): ResourceValue | undefined {
  switch (type) {
    case 'INTEGER':
      return made(type, integerOf(wire, unsigned));
    case 'FLOAT':
      return made(type, floatOf(wire));
    case 'STRING':
      return made(type, wire.kind === 'text' || wire.kind === 'encoded' ? wire.value : undefined);
    case 'BOOLEAN':
      return made(type, booleanOf(wire));
    case 'OPAQUE':
      return made(type, bytesOf(wire));
    case 'TIME':
      return made(type, millisecondsOf(wire));
    case 'OBJLNK':
      return made(type, linkOf(wire));
  }
}

function made(type: ResourceType, value: ResourceValue['value'] | undefined): ResourceValue | undefined {
  return value === undefined ? undefined : ({ type, value } as ResourceValue);
}

/** @param unsigned undefined: nobody knows, so either range will do */
function integerOf(wire: WireValue, unsigned: boolean | undefined): number | bigint | undefined {
  if (wire.kind !== 'integer' && wire.kind !== 'float' && wire.kind !== 'time') return undefined;
  const { value } = wire;
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return unsigned === true && value < 0 ? undefined : value + 0;
    if (!Number.isInteger(value)) return undefined;
  }
  const exact = BigInt(value);
  const least = unsigned === true ? 0n : MIN_INT64;
  const most = unsigned === false ? MAX_INT64 : MAX_UINT64;
  return exact >= least && exact <= most ? canonicalInteger(exact) : undefined;
}

/** An integer beyond 2^53 is rounded to the nearest double, as a decimal fraction would be. */
function floatOf(wire: WireValue): number | undefined {
  if (wire.kind !== 'integer' && wire.kind !== 'float') return undefined;
  const value = Number(wire.value);
  return Number.isFinite(value) ? value : undefined;
}

function booleanOf(wire: WireValue): boolean | undefined {
  if (wire.kind === 'boolean') return wire.value;
  return wire.kind === 'integer' && (wire.value === 0 || wire.value === 1) ? wire.value === 1 : undefined;
}

function bytesOf(wire: WireValue): Buffer | undefined {
  if (wire.kind === 'bytes') return wire.value;
  return wire.kind === 'encoded' ? bytesOfBase64(wire.value) : undefined;
}

/** Whole milliseconds: a fraction of a second is kept as far as that. */
function millisecondsOf(wire: WireValue): number | undefined {
  if (wire.kind !== 'integer' && wire.kind !== 'float' && wire.kind !== 'time') return undefined;
  const milliseconds = Math.round(Number(wire.value) * 1000) + 0;
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
}

function linkOf(wire: WireValue): ObjectLink | undefined {
  if (wire.kind !== 'link' && wire.kind !== 'text' && wire.kind !== 'encoded') return undefined;
  const ids = OBJECT_LINK.exec(wire.value);
  if (ids === null) return undefined;
  const [objectId, instanceId] = [Number(ids[1]), Number(ids[2])];
  return objectId <= 0xffff && instanceId <= 0xffff ? { objectId, instanceId } : undefined;
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Bytes of base64 in either alphabet, padded or not; undefined when the text is neither. */
export function bytesOfBase64(text: string): Buffer | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  const digits = text.endsWith('=') ? text.replace(/=+$/, '').length : text.length;
  // A lone digit, or padding that does not fill the group, tells of a text cut short.
  const padded = digits !== text.length;
  if (digits % 4 === 1 || (padded && text.length % 4 !== 0)) return undefined;
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : undefined;
}

/** The value as the record formats and CBOR write it; TIME in whole seconds. Throws LWM2M_CONTENT. */
export function writableInteger(value: number | bigint, path: Lwm2mPath): number | bigint {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value;
  } else if (value >= MIN_INT64 && value <= MAX_UINT64) {
    return value;
  }
  throw contentFault({ path }, 'INTEGER is not a whole number of 64 bits');
}

export function writableFloat(value: number, path: Lwm2mPath): number {
  if (Number.isFinite(value)) return value;
  throw contentFault({ path }, 'FLOAT is not finite');
}

export function writableText(value: string, path: Lwm2mPath): string {
  if (value.isWellFormed()) return value;
  throw contentFault({ path }, 'STRING has half a surrogate pair');
}

export function writableLink({ objectId, instanceId }: ObjectLink, path: Lwm2mPath): string {
  for (const id of [objectId, instanceId]) {
    if (!Number.isInteger(id) || id < 0 || id > 0xffff) {
      throw contentFault({ path }, 'OBJLNK ids go from 0 to 65535');
    }
  }
  return `${objectId}:${instanceId}`;
}
