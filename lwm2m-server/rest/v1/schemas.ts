import { z } from 'zod';
import { ERROR_CODES } from '../../../common/errors.ts';
import {
  avroContentFormats,
  avroRequestKinds,
  avroResponseCodes,
  avroTypes,
} from '../../../schemas/generated/records.ts';

/** Schemas that OpenAPI shows under a name. */
export const NAMED = new Map<z.ZodType, string>();

function named<T extends z.ZodType>(id: string, schema: T): T {
  NAMED.set(schema, id);
  return schema;
}

const errorCodes = Object.keys(ERROR_CODES) as [string, ...string[]];
const dateTime = z.iso.datetime();
const id = z.int().min(0).max(65_534);

export const lwm2mPathText = z
  .string()
  .regex(/^(\/|(\/(0|[1-9]\d{0,4})){1,4})$/, 'expected a path such as /3303/0/5700')
  .describe('LwM2M path, for example /3303/0/5700');

export const endpointName = z.string().min(1).max(255).describe('endpoint name of a device');
export const endpointParams = z.object({ endpoint: endpointName });

const value = z
  .union([z.string(), z.number(), z.boolean()])
  .describe('OPAQUE as base64, TIME as RFC 3339, OBJLNK as object:instance; INTEGER beyond 2^53 as text');
const type = z.enum(avroTypes);

const singleNode = z.object({ id, type, value });
const multipleNode = z.object({ id, type, values: z.record(z.string(), value) });
const resourceNode = z.union([singleNode, multipleNode]);
const instanceNode = z.object({ id, resources: z.array(resourceNode) });
export const nodeSchema = named(
  'Node',
  z.union([singleNode, multipleNode, instanceNode, z.object({ id, instances: z.array(instanceNode) })]),
);

const singleInput = z.strictObject({ id: id.optional(), type: type.optional(), value });
const multipleInput = z.strictObject({ id: id.optional(), type: type.optional(), values: z.record(z.string(), value) });
const listed = [singleInput.extend({ id }), multipleInput.extend({ id })] as const;
const instanceInput = z.strictObject({ id: id.optional(), resources: z.array(z.union(listed)) });
export const nodeInputSchema = named(
  'NodeInput',
  z.union([
    singleInput,
    multipleInput,
    instanceInput,
    z.strictObject({ id: id.optional(), instances: z.array(instanceInput.extend({ id })) }),
  ]),
);
export const instanceInputSchema = named('InstanceInput', instanceInput);

export const problemSchema = named(
  'Problem',
  z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(errorCodes),
    retriable: z.boolean(),
    device: z.object({ code: z.enum(avroResponseCodes), message: z.string() }).optional(),
  }),
);

const linkSchema = z.object({ url: z.string(), attributes: z.record(z.string(), z.string().nullable()) });

export const deviceSchema = named(
  'Device',
  z.object({
    endpoint: z.string(),
    registrationId: z.string(),
    address: z.string(),
    port: z.int(),
    secure: z.boolean(),
    version: z.string(),
    binding: z.string(),
    lifetimeSeconds: z.int(),
    registeredAt: dateTime,
    updatedAt: dateTime,
    rootPath: z.string(),
    smsNumber: z.string().optional(),
    queueMode: z.boolean(),
    awake: z.boolean(),
    awakeUntil: dateTime.optional().describe('of a device in queue mode that listens now'),
    attributes: z.record(z.string(), z.string()),
    behind: z
      .object({ gateway: z.string(), prefix: z.string(), deviceId: z.string() })
      .optional()
      .describe(
        'of a device behind an LwM2M gateway (object 25): the endpoint name of that, and what it says of the device',
      ),
  }),
);

const objectSchema = z.object({
  id,
  name: z.string().optional(),
  version: z.string().optional(),
  model: z.enum(['exact', 'near', 'other', 'unknown']).describe('whether the object model of this version is held'),
  instances: z.array(id),
});
export const deviceDetailSchema = named(
  'DeviceDetail',
  deviceSchema.extend({ objects: z.array(objectSchema), links: z.array(linkSchema) }),
);

export const deviceListSchema = named(
  'DeviceList',
  z.object({
    total: z.int().describe('devices that match the filter'),
    devices: z.array(deviceSchema),
    next: z.string().optional().describe('`after` of the next page'),
  }),
);

const timed = {
  path: lwm2mPathText,
  timestamp: dateTime.optional().describe('of the value, when the device gave one'),
};
export const readingSchema = named('Reading', z.object({ ticket: z.string(), ...timed, node: nodeSchema }));
export const compositeSchema = named(
  'CompositeReading',
  z.object({ ticket: z.string(), nodes: z.array(z.object({ ...timed, node: nodeSchema })) }),
);
export const doneSchema = named('Done', z.object({ ticket: z.string(), code: z.enum(avroResponseCodes) }));
export const createdSchema = named('Created', z.object({ ticket: z.string(), location: z.string() }));
export const linksSchema = named('Links', z.object({ ticket: z.string(), links: z.array(linkSchema) }));
export const waitingSchema = named(
  'Waiting',
  z.object({ ticket: z.string(), state: z.literal('waiting').describe('the device sleeps or is away') }),
);

export const commandSchema = named(
  'Command',
  z.object({
    ticket: z.string(),
    endpoint: z.string(),
    kind: z.enum(avroRequestKinds),
    path: z.string(),
    state: z.enum(['queued', 'sent']).describe('sent: the device was asked, its answer is due'),
    waits: z.boolean().describe('for a device that sleeps or is away'),
    attempts: z.int().describe('how often the device was asked since the server started'),
    transfer: z
      .object({
        direction: z.enum(['sent', 'received']),
        bytes: z.int(),
        totalBytes: z.int().optional().describe('absent while the device does not say how much will come'),
        lastBlockAt: dateTime,
      })
      .optional()
      .describe('how far a body is that goes or comes block by block'),
    receivedAt: dateTime,
    expiresAt: dateTime.optional(),
  }),
);
export const commandsSchema = named('CommandList', z.object({ commands: z.array(commandSchema) }));

export const observationSchema = named(
  'Observation',
  z.object({
    path: z.string().describe('several joined with commas for a composite observation'),
    ticket: z.string().optional().describe('of the command that started it'),
    observationId: z.string().optional().describe('token in hex, as the records have it; while the device holds it'),
    state: z
      .enum(['active', 'doubtful', 'refused', 'missing'])
      .describe('all are desired; doubtful: not heard since a restart; missing: not taken up by the device yet'),
    code: z.string().optional().describe('CoAP code of the refusal'),
  }),
);
export const observationsSchema = named('ObservationList', z.object({ observations: z.array(observationSchema) }));
export const startedSchema = named(
  'ObservationStarted',
  z.object({
    ticket: z.string(),
    observed: z.boolean().describe('false: the device answered with a value and does not observe'),
    nodes: z.array(z.object({ ...timed, node: nodeSchema })),
  }),
);

export const traceSchema = named(
  'Trace',
  z.object({
    startedAt: dateTime,
    dropped: z.int().describe('older messages that are no longer held'),
    messages: z.array(
      z.object({
        timestamp: z.int().describe('ms since 1970'),
        incoming: z.boolean(),
        type: z.string(),
        code: z.string(),
        mId: z.int(),
        token: z.string(),
        options: z.string(),
        payload: z.string(),
      }),
    ),
  }),
);

const resourceModelSchema = z.object({
  id,
  name: z.string(),
  operations: z.string(),
  multiple: z.boolean(),
  mandatory: z.boolean(),
  type: type.optional(),
  range: z.string(),
  units: z.string(),
  description: z.string(),
});
const modelHead = {
  id,
  name: z.string(),
  version: z.string(),
  multiple: z.boolean(),
  mandatory: z.boolean(),
  description: z.string(),
};
const source = z.enum(['builtIn', 'folder', 'uploaded']);
export const modelListSchema = named('ModelList', z.object({ models: z.array(z.object({ ...modelHead, source })) }));
export const modelSchema = named('Model', z.object({ ...modelHead, resources: z.array(resourceModelSchema) }));

export const timeoutQuery = {
  timeoutMs: z.coerce.number().int().min(1).max(3_600_000).optional().describe('longest wait for the device, in ms'),
};
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
export const queueQuery = {
  ...timeoutQuery,
  queue: flag
    .optional()
    .describe('true: waits for a device that sleeps or is away, until expiresAt; answered with 202'),
  expiresAt: z.iso.datetime({ offset: true }).optional().describe('after this time the command is not run any more'),
  coalesce: flag.optional().describe('true: takes the place of a waiting command of the same kind and path'),
};
export const formatQuery = {
  format: z.enum(avroContentFormats).optional().describe('content format; AUTO leaves it to the server'),
};
export const pathQuery = { path: lwm2mPathText };
