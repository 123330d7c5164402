import { PlatformError } from '../../common/errors.ts';
import type { ModelLookup } from '../model/object-models.ts';
import { formatPath, type Lwm2mPath, pathLevel } from '../path.ts';
import { decodeCborContent, encodeCborContent } from './cbor-content.ts';
import { CONTENT_FORMATS, type ContentFormatName, contentFormatName } from './content-formats.ts';
import type { Lwm2mNode, SingleResource } from './node.ts';
import { assertNodeAt } from './node-fit.ts';
import {
  decodeNewest,
  encodeRecords,
  RECORD_FORMATS,
  RECORD_READERS,
  type RecordFormatName,
} from './record-content.ts';
import { readTextValue, writeTextValue } from './text.ts';
import { type CreateContent, decodeTlvContent, decodeTlvCreate, encodeTlvContent } from './tlv-content.ts';
import { contentFault } from './value-site.ts';

export type { CreateContent } from './tlv-content.ts';

interface ContentCodec {
  decode(payload: Uint8Array, path: Lwm2mPath, models: ModelLookup, rootPath: string): Lwm2mNode;
  encode(node: Lwm2mNode, path: Lwm2mPath, rootPath: string): Buffer;
}

const CODECS: Partial<Record<ContentFormatName, ContentCodec>> = {
  TEXT: { decode: decodeText, encode: encodeText },
  OPAQUE: { decode: decodeOpaque, encode: encodeOpaque },
  TLV: { decode: decodeTlvContent, encode: encodeTlvContent },
  CBOR: { decode: decodeCborContent, encode: encodeCborContent },
  ...Object.fromEntries(RECORD_FORMATS.map((name) => [name, recordCodec(name)])),
};

function recordCodec(name: RecordFormatName): ContentCodec {
  const read = RECORD_READERS[name];
  return {
    decode: (payload, path, models, rootPath) => decodeNewest(read, payload, path, models, rootPath),
    encode: (node, path, rootPath) => encodeRecords(name, node, path, rootPath),
  };
}

/**
 * Reads the payload of a Read response, a notification or a Write at `path`. Without a Content-Format a value is text.
 * Opaque values may share memory with the payload. Throws LWM2M_CONTENT_FORMAT for a format that is unknown, has no
 * codec or cannot carry this path; LWM2M_TLV and LWM2M_CONTENT for a payload that is not what it should be. Of values
 * with timestamps the newest counts.
 * @param rootPath what stands before the names of a device with an alternate root path or behind a gateway: "/lwm2m"
 */
export function decodeContent(
  contentFormat: number | undefined,
  payload: Uint8Array,
  path: Lwm2mPath,
  models: ModelLookup,
  rootPath = '',
): Lwm2mNode {
  return codecOf(contentFormat ?? CONTENT_FORMATS.TEXT.number).decode(payload, path, models, rootPath);
}

/**
 * Reads the body of a Create on an object path. Only TLV may leave the instance id to the device. Throws as
 * `decodeContent` does.
 */
export function decodeCreateContent(
  contentFormat: number | undefined,
  payload: Uint8Array,
  path: Lwm2mPath,
  models: ModelLookup,
): CreateContent {
  const name = contentFormat === undefined ? undefined : contentFormatName(contentFormat);
  if (pathLevel(path) !== 'object') throw new PlatformError('LWM2M_CONTENT_FORMAT', 'Create is for an object path');
  if (name === 'TLV') return decodeTlvCreate(payload, path, models);
  const node = decodeContent(contentFormat, payload, path, models);
  const [instance, second] = node.kind === 'object' ? node.instances : [];
  if (instance === undefined || second !== undefined) throw contentFault({ path }, 'Create takes one instance');
  return { instanceId: instance.id, resources: instance.resources };
}

/**
 * Writes a node at `path`; an instance may also stand at its object's path, for Create.
 * Throws LWM2M_CONTENT_FORMAT as `decodeContent` does, LWM2M_CONTENT when the node does not fit path or type.
 */
export function encodeContent(contentFormat: number, node: Lwm2mNode, path: Lwm2mPath, rootPath = ''): Buffer {
  const codec = codecOf(contentFormat);
  assertNodeAt(node, path);
  return codec.encode(node, path, rootPath);
}

/** The body of a Create on an object path. Only TLV can leave the instance id to the device. Throws as `encodeContent` does. */
export function encodeCreateContent(contentFormat: number, content: CreateContent, path: Lwm2mPath): Buffer {
  const { instanceId, resources } = content;
  if (pathLevel(path) !== 'object') throw new PlatformError('LWM2M_CONTENT_FORMAT', 'Create is for an object path');
  if (instanceId !== undefined)
    return encodeContent(contentFormat, { kind: 'instance', id: instanceId, resources }, path);
  if (contentFormatName(contentFormat) !== 'TLV') {
    throw new PlatformError('LWM2M_CONTENT_FORMAT', 'only TLV carries a Create without an instance id');
  }
  // Bare resources, as at the path of an instance.
  return encodeContent(contentFormat, { kind: 'instance', id: 0, resources }, { ...path, instanceId: 0 });
}

function codecOf(contentFormat: number): ContentCodec {
  const name = contentFormatName(contentFormat);
  const codec = name === undefined ? undefined : CODECS[name];
  if (codec !== undefined) return codec;
  const details = { contentFormat };
  throw new PlatformError('LWM2M_CONTENT_FORMAT', `no codec for content format ${contentFormat}`, { details });
}

function decodeText(payload: Uint8Array, path: Lwm2mPath, models: ModelLookup): SingleResource {
  const id = valueId(path);
  const model = models.resource(path.objectId!, path.resourceId!);
  const value = readTextValue(model?.type ?? 'STRING', model?.unsigned === true, payload, { path });
  return { kind: 'resource', id, value };
}

function encodeText(node: Lwm2mNode, path: Lwm2mPath): Buffer {
  return writeTextValue(singleValue(node, path), { path });
}

function decodeOpaque(payload: Uint8Array, path: Lwm2mPath, models: ModelLookup): SingleResource {
  const id = valueId(path);
  const type = models.resource(path.objectId!, path.resourceId!)?.type ?? 'OPAQUE';
  if (type !== 'OPAQUE') throw contentFault({ path }, `opaque content for a resource of type ${type}`);
  return {
    kind: 'resource',
    id,
    value: { type, value: Buffer.from(payload.buffer, payload.byteOffset, payload.length) },
  };
}

function encodeOpaque(node: Lwm2mNode, path: Lwm2mPath): Buffer {
  const value = singleValue(node, path);
  if (value.type !== 'OPAQUE') throw contentFault({ path }, `a value of type ${value.type} is no opaque content`);
  return Buffer.from(value.value.buffer, value.value.byteOffset, value.value.byteLength);
}

function singleValue(node: Lwm2mNode, path: Lwm2mPath) {
  valueId(path);
  if (node.kind === 'resource') return node.value;
  throw new PlatformError('LWM2M_CONTENT_FORMAT', `${formatPath(path)}: this format carries a single value`);
}

/** The id of the one value at a resource or resource instance path. */
function valueId(path: Lwm2mPath): number {
  const id = path.resourceInstanceId ?? path.resourceId;
  if (id !== undefined) return id;
  throw new PlatformError('LWM2M_CONTENT_FORMAT', `${formatPath(path)}: this format carries a single value`);
}
