import { PlatformError } from '../../common/errors.ts';
import { assertWritable, attributeSegments, parseAttributes } from '../../lwm2m/attributes.ts';
import type { OutgoingRequest } from '../../lwm2m/coap/endpoint.ts';
import { encodeContent } from '../../lwm2m/content/codec.ts';
import { CONTENT_FORMATS } from '../../lwm2m/content/content-formats.ts';
import type { ObjectInstance } from '../../lwm2m/content/node.ts';
import { formatPath, isId, type Lwm2mPath, pathLevel } from '../../lwm2m/path.ts';
import type { AvroRecords, AvroRequestPayload } from '../../schemas/generated/records.ts';
import { instanceFromAvro, nodeFromAvro } from '../bridge/avro-nodes.ts';
import type { Registration } from '../registration/registration.ts';
import { formatFor } from './content-negotiation.ts';
import { assertNodeIsAt, namePrefix } from './node-paths.ts';

const REQUEST = 'io.zeelos.leshan.avro.request';

type WithoutPath = Omit<OutgoingRequest, 'path'>;
/** What a request depends on besides the command. */
export type Target = Pick<Registration, 'version' | 'contentFormats' | 'rootPath'>;

/** Instance id of a create that leaves the choice to the device, as in the original. */
export const DEVICE_CHOOSES = -1;

/** The body that the operation needs. Throws LWM2M_REQUEST when the request has none or another's. */
export function bodyOf<N extends `${typeof REQUEST}.${string}` & keyof AvroRecords>(
  payload: AvroRequestPayload,
  name: N,
): AvroRecords[N] {
  const body = payload.body as Partial<AvroRecords> | null | undefined;
  const value = body?.[name];
  if (value === undefined) throw new PlatformError('LWM2M_REQUEST', `${payload.kind} needs a body of ${name}`);
  return value as AvroRecords[N];
}

/**
 * The request of an operation on one path, its Uri-Path left out.
 * Throws what the requester did wrong: LWM2M_REQUEST, LWM2M_ATTRIBUTES, LWM2M_CONTENT, LWM2M_CONTENT_FORMAT.
 */
export function plainRequest(payload: AvroRequestPayload, path: Lwm2mPath, registration: Target): WithoutPath {
  const level = pathLevel(path);
  if (level === 'root') throw new PlatformError('LWM2M_REQUEST', `${payload.kind} needs a path below /`);
  switch (payload.kind) {
    case 'read':
      return { method: 'GET', accept: formatFor(payload.contentFormat, registration, 'read') };
    case 'discover':
      requireLevel('discover', path, level !== 'resourceInstance', 'an object, an instance or a resource');
      return { method: 'GET', accept: CONTENT_FORMATS.LINK.number };
    case 'delete':
      requireLevel('delete', path, level === 'instance' || level === 'resourceInstance', 'an instance');
      return { method: 'DELETE' };
    case 'write':
      return writeRequest(payload, path, registration);
    case 'writeAttributes':
      return { method: 'PUT', query: attributesQuery(payload, path) };
    case 'execute':
      return executeRequest(payload, path);
    case 'create':
      return createRequest(payload, path, registration);
    default:
      throw new PlatformError('INTERNAL', `${payload.kind} is no plain request`);
  }
}

function requireLevel(kind: string, path: Lwm2mPath, holds: boolean, wanted: string): void {
  if (!holds) throw new PlatformError('LWM2M_REQUEST', `${kind} needs a path of ${wanted}, not ${formatPath(path)}`);
}

function writeRequest(payload: AvroRequestPayload, path: Lwm2mPath, registration: Target): WithoutPath {
  const { mode, node } = bodyOf(payload, `${REQUEST}.AvroWriteRequest`);
  const content = nodeFromAvro(node);
  assertNodeIsAt(content, path);
  // POST on a resource is Execute: an update there would run something.
  requireLevel('write in mode UPDATE', path, mode === 'REPLACE' || path.resourceId === undefined, 'an instance');
  const contentFormat = formatFor(payload.contentFormat, registration, content);
  return {
    method: mode === 'REPLACE' ? 'PUT' : 'POST',
    contentFormat,
    payload: encodeContent(contentFormat, content, path, namePrefix(registration)),
  };
}

/** The arguments go as they are: text such as 0='a',1 by the specification, and whatever else a device understands. */
function executeRequest(payload: AvroRequestPayload, path: Lwm2mPath): WithoutPath {
  requireLevel('execute', path, path.resourceId !== undefined && path.resourceInstanceId === undefined, 'a resource');
  const { parameters } = bodyOf(payload, `${REQUEST}.AvroExecuteRequest`);
  if (parameters === '') return { method: 'POST' };
  return { method: 'POST', contentFormat: CONTENT_FORMATS.TEXT.number, payload: Buffer.from(parameters, 'utf8') };
}

function createRequest(payload: AvroRequestPayload, path: Lwm2mPath, registration: Target): WithoutPath {
  requireLevel('create', path, path.objectId !== undefined && path.instanceId === undefined, 'an object');
  const instance = instanceFromAvro(bodyOf(payload, `${REQUEST}.AvroCreateRequest`).instance);
  if (instance.id === DEVICE_CHOOSES) return createWithoutId(payload, path, instance);
  if (!isId(instance.id)) {
    throw new PlatformError('LWM2M_REQUEST', `instance id ${instance.id} is neither from 0 to 65534 nor -1`);
  }
  const contentFormat = formatFor(payload.contentFormat, registration, 'create');
  const content = { kind: 'object', id: path.objectId!, instances: [instance] } as const;
  return {
    method: 'POST',
    contentFormat,
    payload: encodeContent(contentFormat, content, path, namePrefix(registration)),
  };
}

/** Resources without the entry of their instance. Only TLV can say that: in the other formats each name holds the instance id. */
function createWithoutId(payload: AvroRequestPayload, path: Lwm2mPath, { resources }: ObjectInstance): WithoutPath {
  const contentFormat = formatFor(payload.contentFormat, { version: '1.0', contentFormats: [] }, 'create');
  if (contentFormat !== CONTENT_FORMATS.TLV.number) {
    throw new PlatformError('LWM2M_CONTENT_FORMAT', 'a create without instance id needs TLV');
  }
  const content = encodeContent(contentFormat, { kind: 'instance', id: 0, resources }, { ...path, instanceId: 0 });
  return { method: 'POST', contentFormat, payload: content };
}

function attributesQuery(payload: AvroRequestPayload, path: Lwm2mPath): string[] {
  const { observeSpec } = bodyOf(payload, `${REQUEST}.AvroWriteAttributesRequest`);
  const attributes = parseAttributes(observeSpec);
  assertWritable(attributes, path);
  return attributeSegments(attributes);
}
