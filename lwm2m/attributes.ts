import { PlatformError } from '../common/errors.ts';
import { formatDecimal, parseDecimal } from './content/text.ts';
import { formatPath, type Lwm2mPath } from './path.ts';

/** How a value is written: `seconds` and `count` are whole and not negative, `flag` is 0 or 1, `number` is any decimal. */
const ATTRIBUTES = {
  pmin: 'seconds', // shortest time between two notifications
  pmax: 'seconds', // longest time between two notifications
  gt: 'number', // notify when the value crosses this upwards or downwards
  lt: 'number', // likewise; "less than", not the registration lifetime
  st: 'number', // notify when the value moved by at least this
  epmin: 'seconds', // shortest time between two evaluations of the value
  epmax: 'seconds', // longest time between two evaluations
  edge: 'flag', // notify on the falling (0) or rising (1) edge of a boolean
  con: 'flag', // confirmable notifications
  hqmax: 'count', // notifications kept while they cannot be sent
} as const;

export type AttributeName = keyof typeof ATTRIBUTES;

/** Attributes of a Write-Attributes request; null takes an attribute away. */
export type NotificationAttributes = { readonly [name in AttributeName]?: number | null };

const MAX_WHOLE = 2 ** 32 - 1;
const WHOLE = /^[0-9]{1,10}$/;

/**
 * Reads "pmin=10&pmax=60"; a name without "=" takes the attribute away. Whether the values make sense together,
 * `assertWritable` says. Throws LWM2M_ATTRIBUTES for "", an unknown or repeated name, or a value out of form.
 */
export function parseAttributes(text: string): NotificationAttributes {
  const attributes = new Map<AttributeName, number | null>();
  for (const part of text.split('&', Object.keys(ATTRIBUTES).length + 1)) {
    const [name = '', ...rest] = part.split('=');
    if (!isAttributeName(name)) throw attributeFault(`${JSON.stringify(name.slice(0, 16))} is not an attribute`);
    if (attributes.has(name)) throw attributeFault(`${name} stands twice`);
    attributes.set(name, rest.length === 0 ? null : parseValue(name, rest.join('=')));
  }
  return Object.fromEntries(attributes);
}

function isAttributeName(name: string): name is AttributeName {
  return Object.hasOwn(ATTRIBUTES, name);
}

function parseValue(name: AttributeName, text: string): number {
  const value = ATTRIBUTES[name] === 'number' ? parseDecimal(text) : WHOLE.test(text) ? Number(text) : undefined;
  if (value === undefined || !allows(name, value)) throw attributeFault(`${name} has no valid value`);
  return value;
}

function allows(name: AttributeName, value: number): boolean {
  if (ATTRIBUTES[name] === 'number') return Number.isFinite(value) && (name !== 'st' || value >= 0);
  return Number.isInteger(value) && value >= 0 && value <= (ATTRIBUTES[name] === 'flag' ? 1 : MAX_WHOLE);
}

/** They compare values, so they belong to what holds one: a resource or a resource instance. */
const OF_VALUES = ['gt', 'lt', 'st', 'edge'] as const;

/**
 * What no Write-Attributes to this path may say. Values of other levels are not known here, so only those that stand together are
 * compared. Throws LWM2M_ATTRIBUTES.
 */
export function assertWritable(attributes: NotificationAttributes, path: Lwm2mPath): void {
  assertConsistent(attributes);
  const { pmin, pmax, epmin, epmax } = attributes;
  assertOrder('pmin', pmin, 'pmax', pmax);
  assertOrder('epmin', epmin, 'epmax', epmax);
  const ofValue = path.resourceId === undefined ? OF_VALUES.find((name) => attributes[name] != null) : undefined;
  if (ofValue !== undefined) throw attributeFault(`${ofValue} belongs to a resource, not to ${formatPath(path)}`);
}

/** lt lies below gt, and two steps fit between them. Throws LWM2M_ATTRIBUTES. */
export function assertConsistent({ gt, lt, st }: Pick<NotificationAttributes, 'gt' | 'lt' | 'st'>): void {
  if (gt == null || lt == null) return;
  if (lt >= gt || lt + 2 * (st ?? 0) >= gt) throw attributeFault('lt and two steps of st do not fit below gt');
}

/** The longest period may be as short as the shortest: a notification exactly so often. */
function assertOrder(
  low: string,
  least: number | null | undefined,
  high: string,
  most: number | null | undefined,
): void {
  if (least != null && most != null && most < least) throw attributeFault(`${high} is less than ${low}`);
}

/** Writes "pmin=10&pmax=60". Throws LWM2M_ATTRIBUTES for a value out of range. */
export function formatAttributes(attributes: NotificationAttributes): string {
  return attributeSegments(attributes).join('&');
}

/** The same as a list: one CoAP Uri-Query option each. */
export function attributeSegments(attributes: NotificationAttributes): string[] {
  const names = Object.keys(ATTRIBUTES) as AttributeName[];
  return names.flatMap((name) => {
    const value = attributes[name];
    if (value === undefined) return [];
    if (value === null) return [name];
    if (!allows(name, value)) throw attributeFault(`${name} has no valid value`);
    return [`${name}=${formatDecimal(value)}`];
  });
}

function attributeFault(what: string): PlatformError {
  return new PlatformError('LWM2M_ATTRIBUTES', what);
}
