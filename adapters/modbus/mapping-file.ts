import { z } from 'zod';
import { MAX_LIFETIME_SECONDS } from '../../lwm2m/client/server-object.ts';
import { MAX_ID } from '../../lwm2m/path.ts';
import { FORMAT_NAMES } from './registers.ts';

/** The four tables of a Modbus unit. */
export const TABLES = ['holding-register', 'input-register', 'coil', 'discrete-input'] as const;
export type Table = (typeof TABLES)[number];

/** Most that one request reads: Modbus Application Protocol V1.1b3 §6.1–6.4. */
export const MAX_READ_REGISTERS = 125;
export const MAX_READ_BITS = 2_000;
const MAX_UNITS = 256;
const MAX_CONNECTIONS = 64;
const LEAST_POLL_MS = 20;
const MOST_POLL_MS = 24 * 60 * 60 * 1000;

const id = z.string().refine((text) => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= MAX_ID, {
  error: `expected an id from 0 to ${MAX_ID}`,
});
const pollMs = z.int().min(LEAST_POLL_MS).max(MOST_POLL_MS);

/** A resource with a fixed value: `"5701": { "constant": "Cel" }`. */
const constantSchema = z.strictObject({
  kind: z.literal('constant'), // told from the keys, never written in the file
  constant: z.union([z.string(), z.number(), z.boolean()], { error: 'expected text, a number, true or false' }),
});

/** A resource that lives in registers or bits: `"5700": { "type": "input-register", "address": 0, "format": "float32" }`. */
const registersSchema = z.strictObject({
  kind: z.literal('registers'),
  type: z.enum(TABLES),
  address: z.int().min(0).max(65_535), // as on the wire, from 0: register 40001 of a manual is 0 here
  format: z.enum(FORMAT_NAMES).default('uint16'),
  wordOrder: z.enum(['big', 'little']).default('big'),
  byteOrder: z.enum(['big', 'little']).default('big'),
  scale: z
    .number()
    .refine((scale) => scale !== 0, { error: 'must not be 0' })
    .default(1),
  offset: z.number().default(0),
  // Values in a row, as instances of a multiple resource; 0 is a single value.
  quantity: z.int().min(0).max(MAX_READ_BITS).default(0),
  pollMs: pollMs.optional(), // else the unit's
  writable: z.boolean().optional(), // else what the object model says, and without a model what the table allows
});

/** One unit is one LwM2M device. `objects`: object id → list of instances, from 0 → resource id → one of the two above. */
const unitSchema = z.strictObject({
  unitId: z.int().min(0).max(255),
  endpointName: z.string().min(1).max(128),
  lifetimeSeconds: z.int().min(1).max(MAX_LIFETIME_SECONDS).default(300),
  pollMs: pollMs.default(1_000),
  // What the unit gives in one request, and how many unmapped addresses may be read along to save one.
  maxRegisters: z.int().min(1).max(MAX_READ_REGISTERS).default(MAX_READ_REGISTERS),
  maxBits: z.int().min(1).max(MAX_READ_BITS).default(MAX_READ_BITS),
  maxGap: z.int().min(0).max(MAX_READ_REGISTERS).default(0),
  objects: z.record(id, z.array(z.record(id, z.discriminatedUnion('kind', [constantSchema, registersSchema]))).min(1)),
});

const connectionSchema = z.strictObject({
  connection: z.strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(502),
    timeoutMs: z.int().min(50).max(60_000).default(1_000),
  }),
  units: z.array(unitSchema).min(1).max(MAX_UNITS),
});

export const mappingFileSchema = z.strictObject({ connections: z.array(connectionSchema).min(1).max(MAX_CONNECTIONS) });

export type ResourceEntry = z.output<typeof constantSchema> | z.output<typeof registersSchema>;
export type RegistersEntry = z.output<typeof registersSchema>;
export type UnitEntry = z.output<typeof unitSchema>;
export type ConnectionEntry = z.output<typeof connectionSchema>;

type Json = Readonly<Record<string, unknown>>;

/**
 * Brings the forms that are accepted into the one that is checked: several connections, one connection, or the file of
 * the original adapter (`connection: "tcp"`, one `slave`), with its names where they differ. What is not understood
 * stays as it is, to be told as a fault.
 */
export function normalized(file: unknown): unknown {
  if (!isObject(file)) return file;
  if ('connections' in file) {
    const { connections } = file;
    return Array.isArray(connections) ? { ...file, connections: connections.map(normalizedConnection) } : file;
  }
  return { connections: [normalizedConnection(file.connection === 'tcp' ? fromOriginal(file) : file)] };
}

/** Settings of serial lines in the original's file are no faults while its connection is tcp: they were ignored there. */
function fromOriginal({ connection: _, tcpSettings, serialSettings: _s, asciiSettings: _a, ...unit }: Json): Json {
  const tcp = isObject(tcpSettings) ? renamed(tcpSettings, { node: 'host' }) : tcpSettings;
  const connection = isObject(tcp)
    ? Object.fromEntries(Object.entries(tcp).filter(([name]) => name !== 'keepalive'))
    : tcp;
  return { connection, units: [unit] };
}

function normalizedConnection(entry: unknown): unknown {
  if (!isObject(entry) || !Array.isArray(entry.units)) return entry;
  return { ...entry, units: entry.units.map(normalizedUnit) };
}

function normalizedUnit(entry: unknown): unknown {
  if (!isObject(entry)) return entry;
  const unit = renamed(entry, { slave: 'unitId', pollMillis: 'pollMs' });
  if (!isObject(unit.objects)) return unit;
  const objects = mapValues(unit.objects, (instances) =>
    Array.isArray(instances) ? instances.map(normalizedInstance) : instances,
  );
  return { ...unit, objects };
}

function normalizedInstance(instance: unknown): unknown {
  if (!isObject(instance)) return instance;
  return mapValues(instance, (resource) => {
    if (!isObject(resource) || 'kind' in resource) return resource;
    if ('constant' in resource) return { ...resource, kind: 'constant' };
    const { pollMillis, ...rest } = resource;
    // In the original 0 stood for "not polled on its own".
    const polled = pollMillis === undefined || pollMillis === 0 ? rest : { ...rest, pollMillis };
    return { ...renamed(polled, { startAddress: 'address', pollMillis: 'pollMs' }), kind: 'registers' };
  });
}

/** Other names, unless both are there: then the unknown one is a fault. */
function renamed(entry: Json, names: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(entry).map(([name, value]) => {
      const other = Object.hasOwn(names, name) ? names[name]! : name;
      return [other !== name && Object.hasOwn(entry, other) ? name : other, value];
    }),
  );
}

function mapValues(object: Json, map: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
