// Made from schemas/avro by `npm run gen`; a test keeps it in step. Do not edit.

/** Value of analytics.<gateway>.alarms: an alarm that began or ended. */
export interface AvroAlarm {
  /** gateway id */
  readonly serverId: string;
  /** name of the rule */
  readonly rule: string;
  /** what the rule looks at */
  readonly kind: AvroAlarmKind;
  /** whether it begins or ends here */
  readonly state: AvroAlarmState;
  /** endpoint name */
  readonly ep: string;
  /** LwM2M path; null when the rule looks at the whole endpoint */
  readonly path?: null | { readonly 'string': string } | undefined;
  /** ms since 1970: time of the value that began or ended it; of a silence, when it had lasted long enough */
  readonly timestamp: number;
  /** the value, or its change per second; of a silence null */
  readonly value?: null | { readonly 'double': number } | undefined;
  /** the limit of the rule that was passed; of a silence its seconds */
  readonly limit: number;
}

/** What an alarm rule looks at. */
export const avroAlarmKinds = ['THRESHOLD', 'RATE', 'SILENCE'] as const;
export type AvroAlarmKind = (typeof avroAlarmKinds)[number];

/** Whether an alarm begins or ends. */
export const avroAlarmStates = ['RAISED', 'CLEARED'] as const;
export type AvroAlarmState = (typeof avroAlarmStates)[number];

/** Binding of a registration (LwM2M 1.0). */
export const avroBnds = ['U', 'UQ', 'S', 'SQ', 'US', 'UQS'] as const;
export type AvroBnd = (typeof avroBnds)[number];

/** Extension: withdraws a command that has no reply yet. */
export interface AvroCancelRequest {
  /** ticket of the command to withdraw */
  readonly ticket: string;
}

/** Extension: a node with its path. */
export interface AvroCompositeNode {
  /** LwM2M path */
  readonly path: string;
  /** the node */
  readonly content: { readonly 'io.zeelos.leshan.avro.resource.AvroObjectResource': AvroObjectResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroInstanceResource': AvroInstanceResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroResource': AvroResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroMultipleResource': AvroMultipleResource };
  /** ms since 1970, when the value has a time of its own */
  readonly timestamp?: null | { readonly 'long': number } | undefined;
}

/** Extension: what a composite read found; a path that the device does not have is missing. */
export interface AvroCompositeResponse {
  /** one for each path and time */
  readonly nodes: readonly (AvroCompositeNode)[];
}

/** Content format to ask for or to write with: TLV 11542, JSON 11543, text 0, opaque 42, link 40. Extensions: CBOR 60, SENML_JSON 110, SENML_CBOR 112, LWM2M_CBOR 11544, and AUTO, which leaves the choice to the server. */
export const avroContentFormats = ['TLV', 'JSON_CODE', 'TEXT_CODE', 'OPAQUE_CODE', 'LINK_CODE', 'CBOR', 'SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR', 'AUTO'] as const;
export type AvroContentFormat = (typeof avroContentFormats)[number];

/** Creates an object instance. */
export interface AvroCreateRequest {
  /** the new instance */
  readonly instance: AvroInstanceResource;
}

/** Where the new instance is. */
export interface AvroCreateResponse {
  /** path of the new instance */
  readonly location: string;
}

/** What a discover found. */
export interface AvroDiscoverResponse {
  /** [</3>, </3/0>;pmin=10] */
  readonly objectLinks: string;
}

/** Executes a resource. */
export interface AvroExecuteRequest {
  /** argument text, sent as it is */
  readonly parameters: string;
}

/** Outcome in words. */
export interface AvroGenericResponse {
  /** code name, or what went wrong */
  readonly message: string;
}

/** An object instance. */
export interface AvroInstanceResource {
  /** object instance id; -1 in a create leaves the choice to the device */
  readonly id: number;
  /** INSTANCE */
  readonly kind: AvroResourceKind;
  /** single values */
  readonly resources: readonly (AvroResource)[];
  /** resources with instances */
  readonly multipleResources?: null | { readonly 'array': readonly (AvroMultipleResource)[] } | undefined;
}

/** Key of every record that a gateway writes: keeps all records of an endpoint in order on one partition. */
export interface AvroKey {
  /** endpoint name */
  readonly ep: string;
}

/** One link of a registration body (RFC 6690). */
export interface AvroLink {
  /** path, for example /3303/0 */
  readonly url: string;
  /** attributes without quotes; empty text where an attribute has no value */
  readonly at: Readonly<Record<string, string>>;
}

/** A resource with instances. */
export interface AvroMultipleResource {
  /** resource id */
  readonly id: number;
  /** LwM2M path */
  readonly path: string;
  /** MULTIPLE_RESOURCE */
  readonly kind: AvroResourceKind;
  /** data type */
  readonly type: AvroType;
  /** by resource instance id in decimal */
  readonly resources: Readonly<Record<string, AvroResource>>;
}

/** An object. */
export interface AvroObjectResource {
  /** object id */
  readonly id: number;
  /** OBJECT */
  readonly kind: AvroResourceKind;
  /** instances */
  readonly instances: readonly (AvroInstanceResource)[];
}

/** Extension: observes several paths at once (LwM2M 1.1); observeCancel with the same body ends it. */
export interface AvroObserveCompositeRequest {
  /** LwM2M paths */
  readonly paths: readonly (string)[];
}

/** Extension: reads several paths at once (LwM2M 1.1). */
export interface AvroReadCompositeRequest {
  /** LwM2M paths */
  readonly paths: readonly (string)[];
}

/** What was read or observed. */
export interface AvroReadResponseBody {
  /** the node */
  readonly content: { readonly 'io.zeelos.leshan.avro.resource.AvroObjectResource': AvroObjectResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroInstanceResource': AvroInstanceResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroResource': AvroResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroMultipleResource': AvroMultipleResource };
}

/** A registration ended. */
export interface AvroRegistrationDelete {
  /** endpoint name */
  readonly ep: string;
  /** gateway id */
  readonly serverId: string;
  /** true when the lifetime ran out, false when the device left or registered anew */
  readonly expired: boolean;
  /** ms since 1970 */
  readonly lastUp: number;
  /** extension: the registration that ended */
  readonly endedRegId?: null | { readonly 'string': string } | undefined;
}

/** What happened to a registration. */
export const avroRegistrationKinds = ['NEW', 'UPDATE', 'DELETE'] as const;
export type AvroRegistrationKind = (typeof avroRegistrationKinds)[number];

/** A device registered. */
export interface AvroRegistrationNew {
  /** endpoint name */
  readonly ep: string;
  /** gateway id */
  readonly serverId: string;
  /** ms since 1970 */
  readonly regDate: number;
  /** address the device sends from */
  readonly address: string;
  /** port the device sends from */
  readonly port: number;
  /** address of the server that took the registration */
  readonly regAddr: string;
  /** port of the server that took the registration */
  readonly regPort: number;
  /** lifetime in seconds */
  readonly lt: number;
  /** telephone number */
  readonly sms?: null | { readonly 'string': string } | undefined;
  /** LwM2M version */
  readonly ver: string;
  /** binding */
  readonly bnd: AvroBnd;
  /** registration id, the last segment of its Location */
  readonly regId: string;
  /** objects and instances the device announced */
  readonly links: readonly (AvroLink)[];
  /** registration parameters the server does not know */
  readonly attributes?: null | { readonly 'map': Readonly<Record<string, string>> } | undefined;
  /** root path of the objects */
  readonly root: string;
  /** ms since 1970 */
  readonly lastUp: number;
  /** the device sleeps between its messages */
  readonly queueMode?: boolean | undefined;
  /** letters of the transports (U T S N), null where bnd says it all */
  readonly binding?: null | { readonly 'string': string } | undefined;
  /** endpoint name of the LwM2M gateway that the device is behind (object 25) */
  readonly gatewayEp?: null | { readonly 'string': string } | undefined;
  /** registration id of that gateway: the child ends with it */
  readonly gatewayRegId?: null | { readonly 'string': string } | undefined;
  /** first segment of its paths on the gateway (/25/x/1) */
  readonly prefix?: null | { readonly 'string': string } | undefined;
  /** id of the device as the gateway tells it (/25/x/0) */
  readonly deviceId?: null | { readonly 'string': string } | undefined;
}

/** Value of iot.<gateway>.registrations. */
export interface AvroRegistrationResponse {
  /** which branch body is */
  readonly kind: AvroRegistrationKind;
  /** what happened */
  readonly body: { readonly 'io.zeelos.leshan.avro.registration.AvroRegistrationNew': AvroRegistrationNew } | { readonly 'io.zeelos.leshan.avro.registration.AvroRegistrationUpdate': AvroRegistrationUpdate } | { readonly 'io.zeelos.leshan.avro.registration.AvroRegistrationDelete': AvroRegistrationDelete };
}

/** A registration was updated; null where the update did not say. */
export interface AvroRegistrationUpdate {
  /** endpoint name */
  readonly ep: string;
  /** gateway id */
  readonly serverId: string;
  /** registration id */
  readonly regId: string;
  /** address the device sends from */
  readonly address: string;
  /** port the device sends from */
  readonly port: number;
  /** lifetime in seconds */
  readonly lt?: null | { readonly 'long': number } | undefined;
  /** telephone number */
  readonly sms?: null | { readonly 'string': string } | undefined;
  /** binding */
  readonly bnd?: null | { readonly 'io.zeelos.leshan.avro.registration.AvroBnd': AvroBnd } | undefined;
  /** objects and instances */
  readonly links?: null | { readonly 'array': readonly (AvroLink)[] } | undefined;
  /** unknown parameters */
  readonly attributes?: null | { readonly 'map': Readonly<Record<string, string>> } | undefined;
  /** ms since 1970 */
  readonly lastUp: number;
  /** the device sleeps between its messages */
  readonly queueMode?: null | { readonly 'boolean': boolean } | undefined;
  /** letters of the transports (U T S N), null where bnd says it all */
  readonly binding?: null | { readonly 'string': string } | undefined;
}

/** Value of iot.<gateway>.management.req: one command to one device. */
export interface AvroRequest {
  /** gateway id */
  readonly serverId: string;
  /** endpoint name */
  readonly ep: string;
  /** chosen by the requester, comes back with the reply; a ticket seen twice runs once */
  readonly ticket: string;
  /** the operation */
  readonly payload: AvroRequestPayload;
  /** extension: ms since 1970 after which the command is answered as expired instead of run */
  readonly expiresAt?: null | { readonly 'long': number } | undefined;
  /** extension: longest wait for the answer of the device */
  readonly timeoutMs?: null | { readonly 'long': number } | undefined;
  /** extension: who asked, for the audit trail */
  readonly requestedBy?: null | { readonly 'string': string } | undefined;
  /** extension: true to wait for a device that sleeps or is away, until expiresAt */
  readonly queue?: null | { readonly 'boolean': boolean } | undefined;
  /** extension: true to take the place of a waiting command of the same kind and path */
  readonly coalesce?: null | { readonly 'boolean': boolean } | undefined;
}

/** Device management operation. Extensions: readComposite, writeComposite, observeComposite, and cancel, which withdraws another command. */
export const avroRequestKinds = ['read', 'write', 'writeAttributes', 'execute', 'observe', 'observeCancel', 'delete', 'discover', 'create', 'readComposite', 'writeComposite', 'observeComposite', 'cancel'] as const;
export type AvroRequestKind = (typeof avroRequestKinds)[number];

/** The operation. */
export interface AvroRequestPayload {
  /** operation */
  readonly kind: AvroRequestKind;
  /** LwM2M path; / for a composite operation and for cancel */
  readonly path: string;
  /** content format */
  readonly contentFormat: AvroContentFormat;
  /** what the operation needs */
  readonly body?: null | { readonly 'io.zeelos.leshan.avro.request.AvroCreateRequest': AvroCreateRequest } | { readonly 'io.zeelos.leshan.avro.request.AvroExecuteRequest': AvroExecuteRequest } | { readonly 'io.zeelos.leshan.avro.request.AvroWriteAttributesRequest': AvroWriteAttributesRequest } | { readonly 'io.zeelos.leshan.avro.request.AvroWriteRequest': AvroWriteRequest } | { readonly 'io.zeelos.leshan.avro.request.AvroReadCompositeRequest': AvroReadCompositeRequest } | { readonly 'io.zeelos.leshan.avro.request.AvroWriteCompositeRequest': AvroWriteCompositeRequest } | { readonly 'io.zeelos.leshan.avro.request.AvroObserveCompositeRequest': AvroObserveCompositeRequest } | { readonly 'io.zeelos.leshan.avro.request.AvroCancelRequest': AvroCancelRequest } | undefined;
}

/** A single value. */
export interface AvroResource {
  /** resource id; resource instance id inside a multiple resource */
  readonly id: number;
  /** LwM2M path */
  readonly path: string;
  /** SINGLE_RESOURCE */
  readonly kind: AvroResourceKind;
  /** data type */
  readonly type: AvroType;
  /** STRING string, FLOAT double, INTEGER long, BOOLEAN boolean, OPAQUE base64 string, TIME long ms since 1970, OBJLNK string object:instance */
  readonly value: { readonly 'string': string } | { readonly 'double': number } | { readonly 'long': number | bigint } | { readonly 'boolean': boolean };
}

/** Shape of a node. */
export const avroResourceKinds = ['OBJECT', 'INSTANCE', 'MULTIPLE_RESOURCE', 'SINGLE_RESOURCE'] as const;
export type AvroResourceKind = (typeof avroResourceKinds)[number];

/** Value of iot.<gateway>.management.rep: the one reply to a command. */
export interface AvroResponse {
  /** ticket of the command */
  readonly ticket: string;
  /** gateway id */
  readonly serverId: string;
  /** endpoint name */
  readonly ep: string;
  /** LwM2M path */
  readonly path: string;
  /** ms since 1970 */
  readonly timestamp: number;
  /** the outcome */
  readonly rep: AvroResponsePayload;
  /** extension: ms since 1970 of the value that was read, when the device gave one */
  readonly valueTimestamp?: null | { readonly 'long': number } | undefined;
  /** extension: requestedBy of the command, its first 256 characters */
  readonly requestedBy?: null | { readonly 'string': string } | undefined;
  /** extension: ms from the arrival of the command at the server to this reply, waiting in its queue and for a sleeper included */
  readonly latencyMs?: null | { readonly 'double': number } | undefined;
}

/** CoAP response code: 2.01 2.02 2.04 2.05 4.00 4.01 4.05 4.03 4.04 4.06 4.08 4.12 4.13 4.15 5.00; any other is UNKNOWN. */
export const avroResponseCodes = ['CREATED', 'DELETED', 'CHANGED', 'CONTENT', 'BAD_REQUEST', 'UNAUTHORIZED', 'METHOD_NOT_ALLOWED', 'FORBIDDEN', 'NOT_FOUND', 'NOT_ACCEPTABLE', 'REQUEST_ENTITY_INCOMPLETE', 'PRECONDITION_FAILED', 'REQUEST_ENTITY_TOO_LARGE', 'UNSUPPORTED_CONTENT_FORMAT', 'INTERNAL_SERVER_ERROR', 'UNKNOWN'] as const;
export type AvroResponseCode = (typeof avroResponseCodes)[number];

/** Value of iot.<gateway>.observations: one notification. */
export interface AvroResponseObserve {
  /** ticket of the command, or unset */
  readonly ticket: string;
  /** hex of the observation token; send for what a device sent of its own accord, read for older values of a read */
  readonly observationId: string;
  /** gateway id */
  readonly serverId: string;
  /** endpoint name */
  readonly ep: string;
  /** LwM2M path */
  readonly path: string;
  /** ms since 1970: the time of the value when the device gave one, else of its arrival */
  readonly timestamp: number;
  /** the outcome */
  readonly rep: AvroResponsePayload;
  /** extension: the notification as its device numbered it, Observe option value x 65536 + message id; tells two notifications of one millisecond apart and a retransmission from a new one; of a Send, where the device gave the value no time, message id x 65536 */
  readonly seq?: null | { readonly 'long': number } | undefined;
}

/** Outcome of an operation. */
export interface AvroResponsePayload {
  /** outcome */
  readonly code: AvroResponseCode;
  /** operation */
  readonly kind: AvroRequestKind;
  /** content, links, location or message */
  readonly body?: null | { readonly 'io.zeelos.leshan.avro.response.AvroReadResponseBody': AvroReadResponseBody } | { readonly 'io.zeelos.leshan.avro.response.AvroDiscoverResponse': AvroDiscoverResponse } | { readonly 'io.zeelos.leshan.avro.response.AvroCreateResponse': AvroCreateResponse } | { readonly 'io.zeelos.leshan.avro.response.AvroGenericResponse': AvroGenericResponse } | { readonly 'io.zeelos.leshan.avro.response.AvroCompositeResponse': AvroCompositeResponse } | undefined;
}

/** LwM2M data type. */
export const avroTypes = ['STRING', 'FLOAT', 'INTEGER', 'BOOLEAN', 'OPAQUE', 'TIME', 'OBJLNK'] as const;
export type AvroType = (typeof avroTypes)[number];

/** Value of analytics.<gateway>.observations.downsampled: the numbers of one resource in one window of time. */
export interface AvroWindowStatistics {
  /** gateway id */
  readonly serverId: string;
  /** endpoint name */
  readonly ep: string;
  /** LwM2M path */
  readonly path: string;
  /** ms since 1970, the first in the window */
  readonly windowStart: number;
  /** ms since 1970, the first behind it */
  readonly windowEnd: number;
  /** values */
  readonly count: number;
  /** smallest value */
  readonly min: number;
  /** largest value */
  readonly max: number;
  /** mean of the values */
  readonly mean: number;
}

/** Sets notification attributes. */
export interface AvroWriteAttributesRequest {
  /** query form, for example pmin=10&pmax=60 */
  readonly observeSpec: string;
}

/** Extension: writes to several paths at once (LwM2M 1.1). */
export interface AvroWriteCompositeRequest {
  /** what to write, each at its path */
  readonly nodes: readonly (AvroCompositeNode)[];
}

/** Writes an object, an instance or a resource. */
export interface AvroWriteRequest {
  /** replace or update */
  readonly mode: AvroWriteRequestMode;
  /** what to write */
  readonly node: { readonly 'io.zeelos.leshan.avro.resource.AvroObjectResource': AvroObjectResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroInstanceResource': AvroInstanceResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroResource': AvroResource } | { readonly 'io.zeelos.leshan.avro.resource.AvroMultipleResource': AvroMultipleResource };
}

/** REPLACE is PUT, UPDATE is POST. */
export const avroWriteRequestModes = ['REPLACE', 'UPDATE'] as const;
export type AvroWriteRequestMode = (typeof avroWriteRequestModes)[number];

/** Value under command/<ep>/<ticket>/<kind><path> in lwm2m.<gateway>.state: a command that was taken and has no reply yet. */
export interface CommandState {
  /** the command */
  readonly request: AvroRequest;
  /** ms since 1970 */
  readonly receivedAt: number;
  /** ms since 1970 when a command that changes the device was handed to it; its outcome is unknown if the server dies before the reply */
  readonly startedAt?: null | { readonly 'long': number } | undefined;
  /** ms since 1970 until which it waits for a device that sleeps or is away; null when it was not let wait */
  readonly waitsUntil?: null | { readonly 'long': number } | undefined;
  /** its place among the commands of the gateway: offset in the request topic */
  readonly sequence?: null | { readonly 'long': number } | undefined;
}

/** Value under model/<objectId>/<version> in lwm2m.<gateway>.state: an object definition that was uploaded. */
export interface ModelState {
  /** object that is defined */
  readonly objectId: number;
  /** its version, major.minor */
  readonly version: string;
  /** OMA's XML of this object: as it was uploaded, or its part of a file that defines several */
  readonly xml: string;
}

/** Value under observation/<ep> <path> in lwm2m.<gateway>.state. */
export interface ObservationState {
  /** endpoint name */
  readonly ep: string;
  /** registration the observation belongs to */
  readonly regId: string;
  /** LwM2M path */
  readonly path: string;
  /** CoAP token of the observation */
  readonly token: Buffer;
  /** ticket of the observe command, or unset */
  readonly ticket: string;
  /** what a composite observation observes */
  readonly paths?: null | { readonly 'array': readonly (string)[] } | undefined;
  /** CoAP number of the format that a composite observation was asked in */
  readonly contentFormat?: null | { readonly 'int': number } | undefined;
  /** CoAP number of the content format that was asked for */
  readonly accept?: null | { readonly 'int': number } | undefined;
}

/** Value under registration/<ep> in lwm2m.<gateway>.state. */
export interface RegistrationState {
  /** the live registration; without its links where linkText has them */
  readonly registration: AvroRegistrationNew;
  /** the links as link-format text, as the device sent them */
  readonly linkText?: null | { readonly 'string': string } | undefined;
}

/** Value of lwm2m.<gateway>.state; a tombstone ends an entry. */
export interface ServerState {
  /** the entry */
  readonly body: { readonly 'io.zeelos.lwm2m.state.RegistrationState': RegistrationState } | { readonly 'io.zeelos.lwm2m.state.ObservationState': ObservationState } | { readonly 'io.zeelos.lwm2m.state.CommandState': CommandState } | { readonly 'io.zeelos.lwm2m.state.ModelState': ModelState };
}

/** Record types by full Avro name. */
export interface AvroRecords {

  'io.zeelos.analytics.AvroAlarm': AvroAlarm;

  'io.zeelos.leshan.avro.request.AvroCancelRequest': AvroCancelRequest;

  'io.zeelos.leshan.avro.resource.AvroCompositeNode': AvroCompositeNode;

  'io.zeelos.leshan.avro.response.AvroCompositeResponse': AvroCompositeResponse;

  'io.zeelos.leshan.avro.request.AvroCreateRequest': AvroCreateRequest;

  'io.zeelos.leshan.avro.response.AvroCreateResponse': AvroCreateResponse;

  'io.zeelos.leshan.avro.response.AvroDiscoverResponse': AvroDiscoverResponse;

  'io.zeelos.leshan.avro.request.AvroExecuteRequest': AvroExecuteRequest;

  'io.zeelos.leshan.avro.response.AvroGenericResponse': AvroGenericResponse;

  'io.zeelos.leshan.avro.resource.AvroInstanceResource': AvroInstanceResource;

  'io.zeelos.leshan.avro.AvroKey': AvroKey;

  'io.zeelos.leshan.avro.registration.AvroLink': AvroLink;

  'io.zeelos.leshan.avro.resource.AvroMultipleResource': AvroMultipleResource;

  'io.zeelos.leshan.avro.resource.AvroObjectResource': AvroObjectResource;

  'io.zeelos.leshan.avro.request.AvroObserveCompositeRequest': AvroObserveCompositeRequest;

  'io.zeelos.leshan.avro.request.AvroReadCompositeRequest': AvroReadCompositeRequest;

  'io.zeelos.leshan.avro.response.AvroReadResponseBody': AvroReadResponseBody;

  'io.zeelos.leshan.avro.registration.AvroRegistrationDelete': AvroRegistrationDelete;

  'io.zeelos.leshan.avro.registration.AvroRegistrationNew': AvroRegistrationNew;

  'io.zeelos.leshan.avro.registration.AvroRegistrationResponse': AvroRegistrationResponse;

  'io.zeelos.leshan.avro.registration.AvroRegistrationUpdate': AvroRegistrationUpdate;

  'io.zeelos.leshan.avro.request.AvroRequest': AvroRequest;

  'io.zeelos.leshan.avro.request.AvroRequestPayload': AvroRequestPayload;

  'io.zeelos.leshan.avro.resource.AvroResource': AvroResource;

  'io.zeelos.leshan.avro.response.AvroResponse': AvroResponse;

  'io.zeelos.leshan.avro.response.AvroResponseObserve': AvroResponseObserve;

  'io.zeelos.leshan.avro.response.AvroResponsePayload': AvroResponsePayload;

  'io.zeelos.analytics.AvroWindowStatistics': AvroWindowStatistics;

  'io.zeelos.leshan.avro.request.AvroWriteAttributesRequest': AvroWriteAttributesRequest;

  'io.zeelos.leshan.avro.request.AvroWriteCompositeRequest': AvroWriteCompositeRequest;

  'io.zeelos.leshan.avro.request.AvroWriteRequest': AvroWriteRequest;

  'io.zeelos.lwm2m.state.CommandState': CommandState;

  'io.zeelos.lwm2m.state.ModelState': ModelState;

  'io.zeelos.lwm2m.state.ObservationState': ObservationState;

  'io.zeelos.lwm2m.state.RegistrationState': RegistrationState;

  'io.zeelos.lwm2m.state.ServerState': ServerState;

}
