/** Records that together take every branch of every union and every symbol of every enum; a test says so. */
import {
  type AvroCompositeNode,
  type AvroContentFormat,
  type AvroInstanceResource,
  type AvroMultipleResource,
  type AvroObjectResource,
  type AvroRecords,
  type AvroRequest,
  type AvroRequestKind,
  type AvroRequestPayload,
  type AvroResource,
  type AvroResponsePayload,
  type AvroType,
  avroBnds,
  avroContentFormats,
  avroRequestKinds,
  avroResponseCodes,
} from '../../schemas/generated/records.ts';

const AVRO = 'io.zeelos.leshan.avro' as const;
const OBJECT_NODE = `${AVRO}.resource.AvroObjectResource` as const;
const INSTANCE_NODE = `${AVRO}.resource.AvroInstanceResource` as const;
const RESOURCE_NODE = `${AVRO}.resource.AvroResource` as const;
const MULTIPLE_NODE = `${AVRO}.resource.AvroMultipleResource` as const;

export type TopicRecord =
  | 'io.zeelos.leshan.avro.AvroKey'
  | 'io.zeelos.leshan.avro.registration.AvroRegistrationResponse'
  | 'io.zeelos.leshan.avro.request.AvroRequest'
  | 'io.zeelos.leshan.avro.response.AvroResponse'
  | 'io.zeelos.leshan.avro.response.AvroResponseObserve';

type Samples<N extends TopicRecord> = Readonly<Record<string, AvroRecords[N]>>;

const REGISTERED_AT_MS = 1_544_700_000_123;

function resource(id: number, type: AvroType, value: AvroResource['value']): AvroResource {
  return { id, path: `/3303/0/${id}`, kind: 'SINGLE_RESOURCE', type, value };
}

const VALUES: readonly AvroResource[] = [
  resource(5701, 'STRING', { string: 'Celsius °C' }),
  resource(5700, 'FLOAT', { double: -273.15 }),
  resource(5850, 'INTEGER', { long: Number.MIN_SAFE_INTEGER }),
  resource(5851, 'BOOLEAN', { boolean: true }),
  resource(5852, 'OPAQUE', { string: 'AAEC/w==' }),
  resource(5518, 'TIME', { long: REGISTERED_AT_MS }),
  resource(5853, 'OBJLNK', { string: '3303:1' }),
];

const MULTIPLE: AvroMultipleResource = {
  id: 7,
  path: '/3/0/7',
  kind: 'MULTIPLE_RESOURCE',
  type: 'INTEGER',
  resources: {
    '0': { id: 0, path: '/3/0/7/0', kind: 'SINGLE_RESOURCE', type: 'INTEGER', value: { long: 3800 } },
    '65534': { id: 65534, path: '/3/0/7/65534', kind: 'SINGLE_RESOURCE', type: 'INTEGER', value: { long: 0 } },
  },
};
const INSTANCE: AvroInstanceResource = { id: 0, kind: 'INSTANCE', resources: VALUES, multipleResources: null };
const INSTANCE_WITH_MULTIPLE: AvroInstanceResource = {
  id: 1,
  kind: 'INSTANCE',
  resources: [],
  multipleResources: { array: [MULTIPLE] },
};
const OBJECT: AvroObjectResource = { id: 3303, kind: 'OBJECT', instances: [INSTANCE, INSTANCE_WITH_MULTIPLE] };

const KEYS: Samples<'io.zeelos.leshan.avro.AvroKey'> = { plain: { ep: 'raspberrypi-21' }, empty: { ep: '' } };

const NEW = {
  ep: 'raspberrypi-21',
  serverId: 'rock64',
  regDate: REGISTERED_AT_MS,
  address: '10.0.1.14',
  port: 54_321,
  regAddr: '::',
  regPort: 5683,
  lt: 30,
  ver: '1.0',
  bnd: 'U',
  regId: 'aZ09bY18cX',
  links: [
    { url: '/', at: { rt: 'oma.lwm2m', ct: '11543' } },
    { url: '/3303/0', at: {} },
  ],
  root: '/',
  lastUp: REGISTERED_AT_MS + 1,
  queueMode: false,
  binding: null,
  gatewayEp: null,
  gatewayRegId: null,
  prefix: null,
  deviceId: null,
} as const;
const NEW_WITH_OPTIONS = { ...NEW, sms: { string: '+306912345678' }, attributes: { map: { 'x-site': 'roof', y: '' } } };
const UPDATE = {
  ep: NEW.ep,
  serverId: NEW.serverId,
  regId: NEW.regId,
  address: NEW.address,
  port: NEW.port,
  lastUp: NEW.lastUp,
  queueMode: null,
  binding: null,
};
const BND = `${AVRO}.registration.AvroBnd` as const;
const UPDATE_WITH_OPTIONS = {
  ...UPDATE,
  lt: { long: 86_400 },
  sms: { string: '+30' },
  bnd: { [BND]: 'UQS' as const },
  links: { array: NEW.links },
  attributes: { map: { 'x-site': 'roof' } },
};
const UPDATE_WITHOUT_OPTIONS = { ...UPDATE, lt: null, sms: null, bnd: null, links: null, attributes: null };
const REG_NEW = `${AVRO}.registration.AvroRegistrationNew` as const;
const REG_UPDATE = `${AVRO}.registration.AvroRegistrationUpdate` as const;
const REG_DELETE = `${AVRO}.registration.AvroRegistrationDelete` as const;

const REGISTRATIONS: Samples<'io.zeelos.leshan.avro.registration.AvroRegistrationResponse'> = {
  ...Object.fromEntries(
    avroBnds.map((bnd) => [
      `NEW, binding ${bnd}`,
      { kind: 'NEW', body: { [REG_NEW]: { ...NEW, sms: null, attributes: null, bnd } } },
    ]),
  ),
  'NEW with options': { kind: 'NEW', body: { [REG_NEW]: NEW_WITH_OPTIONS } },
  UPDATE: { kind: 'UPDATE', body: { [REG_UPDATE]: UPDATE_WITHOUT_OPTIONS } },
  'UPDATE with options': { kind: 'UPDATE', body: { [REG_UPDATE]: UPDATE_WITH_OPTIONS } },
  'DELETE by the device': {
    kind: 'DELETE',
    body: { [REG_DELETE]: { ep: NEW.ep, serverId: NEW.serverId, expired: false, lastUp: 0, endedRegId: null } },
  },
  'DELETE by expiry': {
    kind: 'DELETE',
    body: { [REG_DELETE]: { ep: NEW.ep, serverId: NEW.serverId, expired: true, lastUp: NEW.lastUp, endedRegId: null } },
  },
};

/** Symbols that the original's enums do not have. */
const OUR_KINDS: readonly AvroRequestKind[] = ['readComposite', 'writeComposite', 'observeComposite', 'cancel'];
const OUR_FORMATS: readonly AvroContentFormat[] = ['CBOR', 'SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR', 'AUTO'];
const ORIGINAL_KINDS = avroRequestKinds.filter((kind) => !OUR_KINDS.includes(kind));
const ORIGINAL_FORMATS = avroContentFormats.filter((format) => !OUR_FORMATS.includes(format));

const CREATE = `${AVRO}.request.AvroCreateRequest` as const;
const EXECUTE = `${AVRO}.request.AvroExecuteRequest` as const;
const ATTRIBUTES = `${AVRO}.request.AvroWriteAttributesRequest` as const;
const WRITE = `${AVRO}.request.AvroWriteRequest` as const;

function request(kind: AvroRequestPayload['kind'], body: AvroRequestPayload['body'], more: object = {}): AvroRequest {
  const payload = { kind, path: '/3303/0/5700', contentFormat: 'TLV' as const, body, ...more };
  const extensions = { expiresAt: null, timeoutMs: null, requestedBy: null, queue: null, coalesce: null };
  return { serverId: 'rock64', ep: 'raspberrypi-21', ticket: 'ticket#1', payload, ...extensions };
}

const REQUESTS: Samples<'io.zeelos.leshan.avro.request.AvroRequest'> = {
  ...Object.fromEntries(ORIGINAL_KINDS.map((kind) => [`${kind} without body`, request(kind, null)])),
  ...Object.fromEntries(
    ORIGINAL_FORMATS.map((contentFormat) => [`read in ${contentFormat}`, request('read', null, { contentFormat })]),
  ),
  ...Object.fromEntries(
    VALUES.map((value) => [
      `write ${value.type}`,
      request('write', { [WRITE]: { mode: 'REPLACE', node: { [RESOURCE_NODE]: value } } }),
    ]),
  ),
  'write instance': request('write', {
    [WRITE]: { mode: 'UPDATE', node: { [INSTANCE_NODE]: INSTANCE_WITH_MULTIPLE } },
  }),
  'write object': request('write', {
    [WRITE]: { mode: 'REPLACE', node: { [OBJECT_NODE]: OBJECT } },
  }),
  create: request('create', { [CREATE]: { instance: INSTANCE } }),
  execute: request('execute', { [EXECUTE]: { parameters: "0='a',1" } }),
  writeAttributes: request('writeAttributes', { [ATTRIBUTES]: { observeSpec: 'pmin=10&pmax=60' } }),
};

const READ = `${AVRO}.response.AvroReadResponseBody` as const;
const DISCOVER = `${AVRO}.response.AvroDiscoverResponse` as const;
const CREATED = `${AVRO}.response.AvroCreateResponse` as const;
const GENERIC = `${AVRO}.response.AvroGenericResponse` as const;

const OUTCOMES: Readonly<Record<string, AvroResponsePayload>> = {
  ...Object.fromEntries(
    avroResponseCodes.map((code) => [`code ${code}`, { code, kind: 'write', body: { [GENERIC]: { message: code } } }]),
  ),
  ...Object.fromEntries(ORIGINAL_KINDS.map((kind) => [`${kind} without body`, { code: 'CONTENT', kind, body: null }])),
  ...Object.fromEntries(
    VALUES.map((value) => [
      `content ${value.type}`,
      { code: 'CONTENT', kind: 'read', body: { [READ]: { content: { [RESOURCE_NODE]: value } } } },
    ]),
  ),
  'content object': {
    code: 'CONTENT',
    kind: 'read',
    body: { [READ]: { content: { [OBJECT_NODE]: OBJECT } } },
  },
  'content instance': {
    code: 'CONTENT',
    kind: 'observe',
    body: { [READ]: { content: { [INSTANCE_NODE]: INSTANCE } } },
  },
  'content multiple resource': {
    code: 'CONTENT',
    kind: 'observe',
    body: { [READ]: { content: { [MULTIPLE_NODE]: MULTIPLE } } },
  },
  discover: { code: 'CONTENT', kind: 'discover', body: { [DISCOVER]: { objectLinks: '[</3>, </3/0>;pmin=10]' } } },
  create: { code: 'CREATED', kind: 'create', body: { [CREATED]: { location: '/3303/2' } } },
};

const PLACE = { serverId: 'rock64', ep: 'raspberrypi-21', path: '/3303/0', timestamp: REGISTERED_AT_MS } as const;

const NOT_TOLD = { valueTimestamp: null, requestedBy: null, latencyMs: null };

const RESPONSES: Samples<'io.zeelos.leshan.avro.response.AvroResponse'> = Object.fromEntries(
  Object.entries(OUTCOMES).map(([name, rep]) => [name, { ticket: 'ticket#1', ...PLACE, rep, ...NOT_TOLD }]),
);

const OBSERVATIONS: Samples<'io.zeelos.leshan.avro.response.AvroResponseObserve'> = Object.fromEntries(
  Object.entries(OUTCOMES).map(([name, rep]) => [
    name,
    { ticket: 'unset', observationId: 'c0ffee00c0ffee00', ...PLACE, rep, seq: null },
  ]),
);

const READ_COMPOSITE = `${AVRO}.request.AvroReadCompositeRequest` as const;
const OBSERVE_COMPOSITE = `${AVRO}.request.AvroObserveCompositeRequest` as const;
const WRITE_COMPOSITE = `${AVRO}.request.AvroWriteCompositeRequest` as const;
const CANCEL = `${AVRO}.request.AvroCancelRequest` as const;
const COMPOSITE = `${AVRO}.response.AvroCompositeResponse` as const;
const COMPOSITE_NODES: readonly AvroCompositeNode[] = [
  { path: '/3303/0/5700', content: { [RESOURCE_NODE]: VALUES[1]! }, timestamp: null },
  { path: '/3303/0/5700', content: { [RESOURCE_NODE]: VALUES[1]! }, timestamp: { long: REGISTERED_AT_MS } },
  { path: '/3/0/7', content: { [MULTIPLE_NODE]: MULTIPLE }, timestamp: null },
  { path: '/3303/0', content: { [INSTANCE_NODE]: INSTANCE }, timestamp: null },
  { path: '/3303', content: { [OBJECT_NODE]: OBJECT }, timestamp: null },
];
const PATHS = ['/3303/0/5700', '/3/0/7'] as const;

/** Records that only our schemas can carry: each shows a symbol or a branch that the original does not have. */
export const EXTENDED_SAMPLES = {
  'io.zeelos.leshan.avro.registration.AvroRegistrationResponse': {
    'NEW in queue mode over TCP': {
      kind: 'NEW',
      body: { [REG_NEW]: { ...NEW_WITH_OPTIONS, queueMode: true, binding: { string: 'UT' } } },
    },
    'NEW behind a gateway': {
      kind: 'NEW',
      body: {
        [REG_NEW]: {
          ...NEW_WITH_OPTIONS,
          gatewayEp: { string: 'site' },
          gatewayRegId: { string: 'bZ19' },
          prefix: { string: 'd02' },
          deviceId: { string: 'urn:dev:2' },
        },
      },
    },
    'DELETE that names its registration': {
      kind: 'DELETE',
      body: {
        [REG_DELETE]: {
          ...{ ep: NEW.ep, serverId: NEW.serverId, expired: true, lastUp: NEW.lastUp },
          endedRegId: { string: 'bZ19' },
        },
      },
    },
    'UPDATE to queue mode over TCP': {
      kind: 'UPDATE',
      body: { [REG_UPDATE]: { ...UPDATE_WITH_OPTIONS, queueMode: { boolean: true }, binding: { string: 'UT' } } },
    },
  },
  'io.zeelos.leshan.avro.request.AvroRequest': {
    ...Object.fromEntries(
      OUR_FORMATS.map((contentFormat) => [contentFormat, request('read', null, { contentFormat })]),
    ),
    readComposite: request('readComposite', { [READ_COMPOSITE]: { paths: PATHS } }),
    observeComposite: request('observeComposite', {
      [OBSERVE_COMPOSITE]: { paths: PATHS },
    }),
    writeComposite: request('writeComposite', {
      [WRITE_COMPOSITE]: { nodes: COMPOSITE_NODES },
    }),
    cancel: request('cancel', { [CANCEL]: { ticket: 'ticket#0' } }),
    'write multiple': request('write', { [WRITE]: { mode: 'REPLACE', node: { [MULTIPLE_NODE]: MULTIPLE } } }),
    'in time': {
      ...request('read', null),
      expiresAt: { long: REGISTERED_AT_MS },
      timeoutMs: { long: 5_000 },
      requestedBy: { string: 'operator' },
    },
    'waits and replaces': { ...request('read', null), queue: { boolean: true }, coalesce: { boolean: false } },
  },
  'io.zeelos.leshan.avro.response.AvroResponse': {
    ...Object.fromEntries(
      OUR_KINDS.map((kind) => [
        kind,
        { ticket: 'ticket#1', ...PLACE, rep: { code: 'CHANGED', kind, body: null }, ...NOT_TOLD },
      ]),
    ),
    'a value with its time': {
      ...RESPONSES['content FLOAT']!,
      valueTimestamp: { long: REGISTERED_AT_MS },
    },
    'who asked, and how long it took': {
      ...RESPONSES['content FLOAT']!,
      requestedBy: { string: 'operator' },
      latencyMs: { double: 1.5 },
    },
    composite: {
      ...RESPONSES['content FLOAT']!,
      rep: {
        code: 'CONTENT',
        kind: 'readComposite',
        body: { [COMPOSITE]: { nodes: COMPOSITE_NODES } },
      },
    },
  },
  'io.zeelos.leshan.avro.response.AvroResponseObserve': {
    ...Object.fromEntries(
      OUR_KINDS.map((kind) => [
        kind,
        { ticket: 'unset', observationId: 'ff', ...PLACE, rep: { code: 'CHANGED', kind, body: null }, seq: null },
      ]),
    ),
    numbered: { ...OBSERVATIONS['content FLOAT']!, seq: { long: 2 * 65_536 + 7 } },
    composite: {
      ...OBSERVATIONS['content FLOAT']!,
      rep: { code: 'CONTENT', kind: 'observe', body: { [COMPOSITE]: { nodes: COMPOSITE_NODES } } },
    },
  },
} as const satisfies { readonly [N in TopicRecord]?: Samples<N> };

/** Samples of every record that stands in a topic of the original system, by full name and then by what each shows. */
export const AVRO_SAMPLES: { readonly [N in TopicRecord]: Samples<N> } = {
  'io.zeelos.leshan.avro.AvroKey': KEYS,
  'io.zeelos.leshan.avro.registration.AvroRegistrationResponse': REGISTRATIONS,
  'io.zeelos.leshan.avro.request.AvroRequest': REQUESTS,
  'io.zeelos.leshan.avro.response.AvroResponse': RESPONSES,
  'io.zeelos.leshan.avro.response.AvroResponseObserve': OBSERVATIONS,
};

/**
 * Fields that the original does not have, in the record or in its body. All stand at the end and have null or false as default, so
 * each is one zero byte when unset.
 */
export const EXTENSION_FIELDS: { readonly [N in TopicRecord]: readonly string[] } = {
  'io.zeelos.leshan.avro.AvroKey': [],
  'io.zeelos.leshan.avro.registration.AvroRegistrationResponse': [
    'queueMode',
    'binding',
    'gatewayEp',
    'gatewayRegId',
    'prefix',
    'deviceId',
    'endedRegId',
  ],
  'io.zeelos.leshan.avro.request.AvroRequest': ['expiresAt', 'timeoutMs', 'requestedBy', 'queue', 'coalesce'],
  'io.zeelos.leshan.avro.response.AvroResponse': ['valueTimestamp', 'requestedBy', 'latencyMs'],
  'io.zeelos.leshan.avro.response.AvroResponseObserve': ['seq'],
};
