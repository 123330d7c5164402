import { PlatformError } from '../../common/errors.ts';
import { attributeSegments, parseAttributes } from '../../lwm2m/attributes.ts';
import type { CoapEndpoint, CoapResponse, OutgoingRequest } from '../../lwm2m/coap/endpoint.ts';
import { decodeContent, encodeContent } from '../../lwm2m/content/codec.ts';
import { CONTENT_FORMATS } from '../../lwm2m/content/content-formats.ts';
import { formatLinkFormat, parseLinkFormat } from '../../lwm2m/link-format.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import { formatPath, type Lwm2mPath, parsePath, pathLevel, pathSegments } from '../../lwm2m/path.ts';
import type {
  AvroContentFormat,
  AvroRecords,
  AvroRequestPayload,
  AvroResponsePayload,
} from '../../schemas/generated/records.ts';
import { instanceFromAvro, nodeOfWrite, nodeToAvro } from '../bridge/avro-nodes.ts';
import type { Registration } from '../registration/registration.ts';
import { codeName, deviceRefusal, inWords, isSuccess, type Outcome, unreadableAnswer } from './outcome.ts';

/** Content format numbers of the Avro symbols. */
const FORMAT_NUMBERS: Readonly<Record<AvroContentFormat, number>> = {
  TLV: CONTENT_FORMATS.TLV.number,
  JSON_CODE: CONTENT_FORMATS.JSON.number,
  TEXT_CODE: CONTENT_FORMATS.TEXT.number,
  OPAQUE_CODE: CONTENT_FORMATS.OPAQUE.number,
  LINK_CODE: CONTENT_FORMATS.LINK.number,
  CBOR: CONTENT_FORMATS.CBOR.number,
  SENML_JSON: CONTENT_FORMATS.SENML_JSON.number,
  SENML_CBOR: CONTENT_FORMATS.SENML_CBOR.number,
  LWM2M_CBOR: CONTENT_FORMATS.LWM2M_CBOR.number,
  AUTO: CONTENT_FORMATS.TLV.number,
};

export function formatNumber(symbol: AvroContentFormat): number {
  return FORMAT_NUMBERS[symbol];
}

/** Uri-Path of an LwM2M path on a device, under the root path it announced. */
export function uriPath(registration: Pick<Registration, 'rootPath'>, path: Lwm2mPath): string[] {
  const root = registration.rootPath.split('/').filter((segment) => segment !== '');
  return [...root, ...pathSegments(path)];
}

/**
 * The value a device sent, as the records carry it. Throws LWM2M_CONTENT and its like.
 * @param pathText the path once more, from a caller that keeps it written out
 */
export function readBody(
  answer: { readonly contentFormat?: number | undefined; readonly payload: Buffer },
  path: Lwm2mPath,
  models: ObjectModels,
  pathText: string = formatPath(path),
): NonNullable<AvroResponsePayload['body']> {
  const node = decodeContent(answer.contentFormat, answer.payload, path, models);
  return { 'io.zeelos.leshan.avro.response.AvroReadResponseBody': { content: nodeToAvro(node, pathText) } };
}

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A command of which everything is known but the device's address and root path. */
export interface PreparedRequest {
  readonly payload: AvroRequestPayload;
  readonly path: Lwm2mPath;
  readonly request: Omit<OutgoingRequest, 'path'>;
}

/** The operations on a device but those of observation. A bad request throws; what the device answers becomes an outcome. */
export class DeviceRequests {
  readonly #endpoint: Pick<CoapEndpoint, 'request'>;
  readonly #models: ObjectModels;

  constructor(endpoint: Pick<CoapEndpoint, 'request'>, models: ObjectModels) {
    this.#endpoint = endpoint;
    this.#models = models;
  }

  /** Throws what the requester did wrong: LWM2M_PATH, LWM2M_REQUEST, LWM2M_ATTRIBUTES, LWM2M_CONTENT, LWM2M_CONTENT_FORMAT. */
  prepare(payload: AvroRequestPayload): PreparedRequest {
    const path = parsePath(payload.path);
    return { payload, path, request: this.#requestOf(payload, path) };
  }

  async run(
    registration: Registration,
    { payload, path, request }: PreparedRequest,
    options: RequestOptions,
  ): Promise<Outcome> {
    const addressed = { ...request, path: uriPath(registration, path) };
    const answer = await this.#endpoint.request(registration.peer, addressed, options);
    if (!isSuccess(answer.code)) return deviceRefusal(answer.code, answer.payload);
    return this.#outcomeOf(payload, path, answer);
  }

  #requestOf(payload: AvroRequestPayload, path: Lwm2mPath): Omit<OutgoingRequest, 'path'> {
    const format = FORMAT_NUMBERS[payload.contentFormat];
    const level = pathLevel(path);
    if (level === 'root') throw new PlatformError('LWM2M_REQUEST', `${payload.kind} needs a path below /`);
    switch (payload.kind) {
      case 'read':
        return { method: 'GET', accept: format };
      case 'discover':
        requireLevel('discover', path, level !== 'resourceInstance', 'an object, an instance or a resource');
        return { method: 'GET', accept: CONTENT_FORMATS.LINK.number };
      case 'delete':
        requireLevel('delete', path, level === 'instance', 'an object instance');
        return { method: 'DELETE' };
      case 'write':
        return writeRequest(payload, path, format);
      case 'writeAttributes':
        return { method: 'PUT', query: attributesQuery(payload) };
      case 'execute':
        return executeRequest(payload, path);
      case 'create':
        return createRequest(payload, path, format);
      case 'readComposite':
      case 'writeComposite':
        throw new PlatformError('LWM2M_REQUEST', `${payload.kind} is not served`);
      case 'observe':
      case 'observeCancel':
      case 'observeComposite':
      case 'cancel':
        throw new PlatformError('INTERNAL', `${payload.kind} is no plain request`);
    }
  }

  #outcomeOf(payload: AvroRequestPayload, path: Lwm2mPath, answer: CoapResponse): Outcome {
    const code = codeName(answer.code);
    try {
      switch (payload.kind) {
        case 'read':
          return { code, body: readBody(answer, path, this.#models) };
        case 'discover':
          return { code, body: discoverBody(answer) };
        case 'create':
          return { code, body: createBody(payload, path, answer) };
        default:
          return inWords(code);
      }
    } catch (error) {
      return unreadableAnswer(error);
    }
  }
}

const REQUEST = 'io.zeelos.leshan.avro.request';

/** The body that the operation needs. Throws LWM2M_REQUEST when the request has none or another's. */
function bodyOf<N extends `${typeof REQUEST}.${string}` & keyof AvroRecords>(
  payload: AvroRequestPayload,
  name: N,
): AvroRecords[N] {
  const body = payload.body as Partial<AvroRecords> | null | undefined;
  const value = body?.[name];
  if (value === undefined) throw new PlatformError('LWM2M_REQUEST', `${payload.kind} needs a body of ${name}`);
  return value as AvroRecords[N];
}

function requireLevel(kind: string, path: Lwm2mPath, holds: boolean, wanted: string): void {
  if (!holds) throw new PlatformError('LWM2M_REQUEST', `${kind} needs a path of ${wanted}, not ${formatPath(path)}`);
}

const WRITABLE_LEVELS = {
  object: 'object',
  instance: 'instance',
  resource: 'resource',
  resourceInstance: 'resource',
  root: undefined,
} as const;

function writeRequest(payload: AvroRequestPayload, path: Lwm2mPath, format: number): Omit<OutgoingRequest, 'path'> {
  const { mode, node } = bodyOf(payload, `${REQUEST}.AvroWriteRequest`);
  const content = nodeOfWrite(node);
  if (content.kind !== WRITABLE_LEVELS[pathLevel(path)]) {
    throw new PlatformError('LWM2M_REQUEST', `${formatPath(path)} takes no ${content.kind}`);
  }
  const id = path.resourceInstanceId ?? path.resourceId ?? path.instanceId ?? path.objectId;
  if (content.id !== id) {
    throw new PlatformError('LWM2M_REQUEST', `id ${content.id} in the body is not that of ${formatPath(path)}`);
  }
  // POST on a resource is Execute (OMA LwM2M Core 1.0.2 §5.4): an update there would run something.
  requireLevel('write in mode UPDATE', path, mode === 'REPLACE' || path.resourceId === undefined, 'an instance');
  return {
    method: mode === 'REPLACE' ? 'PUT' : 'POST',
    contentFormat: format,
    payload: encodeContent(format, content, path),
  };
}

function executeRequest(payload: AvroRequestPayload, path: Lwm2mPath): Omit<OutgoingRequest, 'path'> {
  requireLevel('execute', path, path.resourceId !== undefined && path.resourceInstanceId === undefined, 'a resource');
  const { parameters } = bodyOf(payload, `${REQUEST}.AvroExecuteRequest`);
  if (parameters === '') return { method: 'POST' };
  return { method: 'POST', contentFormat: CONTENT_FORMATS.TEXT.number, payload: Buffer.from(parameters, 'utf8') };
}

function createRequest(payload: AvroRequestPayload, path: Lwm2mPath, format: number): Omit<OutgoingRequest, 'path'> {
  requireLevel('create', path, path.objectId !== undefined && path.instanceId === undefined, 'an object');
  const { instance } = bodyOf(payload, `${REQUEST}.AvroCreateRequest`);
  const node = { kind: 'object', id: path.objectId!, instances: [instanceFromAvro(instance)] } as const;
  return { method: 'POST', contentFormat: format, payload: encodeContent(format, node, path) };
}

function attributesQuery(payload: AvroRequestPayload): string[] {
  const { observeSpec } = bodyOf(payload, `${REQUEST}.AvroWriteAttributesRequest`);
  return attributeSegments(parseAttributes(observeSpec));
}

function discoverBody(answer: CoapResponse): NonNullable<Outcome['body']> {
  const links = parseLinkFormat(answer.payload.toString('utf8'));
  const objectLinks = `[${links.map((link) => formatLinkFormat([link])).join(', ')}]`;
  return { 'io.zeelos.leshan.avro.response.AvroDiscoverResponse': { objectLinks } };
}

/** Leshan answers without Location-Path where the request chose the instance id. */
function createBody(payload: AvroRequestPayload, path: Lwm2mPath, answer: CoapResponse): NonNullable<Outcome['body']> {
  const { instance } = bodyOf(payload, `${REQUEST}.AvroCreateRequest`);
  const location =
    answer.locationPath.length > 0
      ? `/${answer.locationPath.join('/')}`
      : formatPath({ ...path, instanceId: instance.id });
  return { 'io.zeelos.leshan.avro.response.AvroCreateResponse': { location } };
}
