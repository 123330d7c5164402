import { randomUUID } from 'node:crypto';
import { messageOf, PlatformError } from '../common/errors.ts';
import type { ResourceType } from '../lwm2m/content/node.ts';
import { coreObjectModels } from '../lwm2m/model/core-objects.ts';
import { formatPath, type Lwm2mPath, parsePath } from '../lwm2m/path.ts';
import { avroType } from '../schemas/avro-types.ts';
import {
  type AvroCompositeNode,
  type AvroContentFormat,
  type AvroInstanceResource,
  type AvroRequest,
  type AvroRequestKind,
  type AvroRequestPayload,
  type AvroResource,
  type AvroWriteRequest,
  type AvroWriteRequestMode,
  avroRequestKinds,
} from '../schemas/generated/records.ts';

/** Instance id of a create that leaves the choice to the device. */
const DEVICE_CHOOSES = -1;

const REQUEST = 'io.zeelos.leshan.avro.request';
const RESOURCE = 'io.zeelos.leshan.avro.resource';

export interface RequestWords {
  readonly format: AvroContentFormat;
  readonly mode: AvroWriteRequestMode;
  readonly type: ResourceType | undefined;
  readonly ticket: string | undefined;
}

/** A request in Avro JSON, as kafka-avro-console-producer takes it. Throws AVRO_INVALID. */
export function requestFromJson(json: string): AvroRequest {
  try {
    return avroType(`${REQUEST}.AvroRequest`).fromString(json) as AvroRequest;
  } catch (cause) {
    throw new PlatformError('AVRO_INVALID', `this is no request: ${messageOf(cause)}`, { cause });
  }
}

/** A request from the words of the command line: gateway, endpoint, kind, path and value. Throws USAGE, LWM2M_PATH. */
export function requestFromWords(words: readonly string[], options: RequestWords): AvroRequest {
  const [serverId, ep, kind, path, value, ...more] = words;
  if (serverId === undefined || ep === undefined || kind === undefined || path === undefined || more.length > 0) {
    throw new PlatformError('USAGE', 'request takes <gateway> <endpoint> <kind> <path> [value], or --json');
  }
  const payload = payloadOf(kindOf(kind), path, value, options);
  return { serverId, ep, ticket: options.ticket ?? randomUUID(), payload };
}

function kindOf(text: string): AvroRequestKind {
  const kind = avroRequestKinds.find((known) => known === text);
  if (kind === undefined)
    throw new PlatformError('USAGE', `${JSON.stringify(text)} is none of ${avroRequestKinds.join(', ')}`);
  return kind;
}

function payloadOf(
  kind: AvroRequestKind,
  path: string,
  value: string | undefined,
  options: RequestWords,
): AvroRequestPayload {
  const payload = { kind, path, contentFormat: options.format };
  const composite = { ...payload, path: '/' };
  switch (kind) {
    case 'write': {
      const node = writeNode(parsePath(path), needed(kind, value), options.type);
      return { ...payload, body: { [`${REQUEST}.AvroWriteRequest`]: { mode: options.mode, node } } };
    }
    case 'create': {
      const { objectId } = parsePath(path);
      const { id, ...resources } = parseObject(needed(kind, value));
      const instance = instanceOf({ objectId: objectId ?? 0, instanceId: Number(id ?? 0) }, resources);
      const body = { instance: id === undefined ? { ...instance, id: DEVICE_CHOOSES } : instance };
      return { ...payload, body: { [`${REQUEST}.AvroCreateRequest`]: body } };
    }
    case 'execute':
      return { ...payload, body: { [`${REQUEST}.AvroExecuteRequest`]: { parameters: value ?? '' } } };
    case 'writeAttributes':
      return { ...payload, body: { [`${REQUEST}.AvroWriteAttributesRequest`]: { observeSpec: needed(kind, value) } } };
    case 'readComposite':
      noValue(kind, value);
      return { ...composite, body: { [`${REQUEST}.AvroReadCompositeRequest`]: { paths: pathList(path) } } };
    case 'observeComposite':
      noValue(kind, value);
      return { ...composite, body: { [`${REQUEST}.AvroObserveCompositeRequest`]: { paths: pathList(path) } } };
    case 'writeComposite': {
      const nodes = compositeNodes(path, needed(kind, value));
      return { ...composite, body: { [`${REQUEST}.AvroWriteCompositeRequest`]: { nodes } } };
    }
    case 'observeCancel':
      noValue(kind, value);
      if (!path.includes(',')) return { ...payload, body: null };
      return { ...composite, body: { [`${REQUEST}.AvroObserveCompositeRequest`]: { paths: pathList(path) } } };
    case 'cancel':
      if (path !== '/') throw new PlatformError('USAGE', 'cancel takes / and the ticket of the command to withdraw');
      return { ...payload, body: { [`${REQUEST}.AvroCancelRequest`]: { ticket: needed(kind, value) } } };
    default:
      noValue(kind, value);
      return { ...payload, body: null };
  }
}

function noValue(kind: string, value: string | undefined): void {
  if (value !== undefined) throw new PlatformError('USAGE', `${kind} takes no value`);
}

function needed(kind: string, value: string | undefined): string {
  if (value === undefined) throw new PlatformError('USAGE', `${kind} needs a value after the path`);
  return value;
}

/** Paths with commas between them; a comma behind a single one does no harm. */
function pathList(text: string): string[] {
  return text.split(',').filter((path) => path !== '');
}

/** Values for the paths, in the same order, as a JSON array; the value of a single path may stand alone. */
function compositeNodes(paths: string, values: string): AvroCompositeNode[] {
  const list = pathList(paths);
  const given = list.length === 1 ? [values] : parseArray(values);
  if (given.length !== list.length)
    throw new PlatformError('USAGE', `${list.length} paths take as many values, not ${given.length}`);
  return list.map((path, index) => {
    const at = parsePath(path);
    if (at.resourceId === undefined) throw new PlatformError('USAGE', `${path} is no path of a resource: use --json`);
    return { path, content: { [`${RESOURCE}.AvroResource`]: resourceOf(at, String(given[index]), undefined) } };
  });
}

function parseArray(json: string): unknown[] {
  try {
    const value: unknown = JSON.parse(json);
    if (Array.isArray(value)) return value;
  } catch {
    // said below
  }
  throw new PlatformError('USAGE', 'several values are given as a JSON array, for example [21.5, "Cel"]');
}

/** A resource takes its value as text; an instance takes a JSON object of values by resource id. */
function writeNode(path: Lwm2mPath, value: string, type: ResourceType | undefined): AvroWriteRequest['node'] {
  if (path.resourceId === undefined)
    return { [`${RESOURCE}.AvroInstanceResource`]: instanceOf(path, parseObject(value)) };
  return { [`${RESOURCE}.AvroResource`]: resourceOf(path, value, type) };
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new PlatformError(
    'USAGE',
    'an instance is given as a JSON object of values by resource id, for example {"5700": 21.5}',
  );
}

function instanceOf(path: Lwm2mPath, values: Readonly<Record<string, unknown>>): AvroInstanceResource {
  const resources = Object.entries(values).map(([id, value]) =>
    resourceOf({ ...path, resourceId: Number(id) }, String(value), undefined),
  );
  return { id: path.instanceId ?? 0, kind: 'INSTANCE', resources, multipleResources: null };
}

function resourceOf(path: Lwm2mPath, value: string, given: ResourceType | undefined): AvroResource {
  const type = given ?? coreObjectModels().resource(path.objectId!, path.resourceId!)?.type;
  if (type === undefined)
    throw new PlatformError(
      'USAGE',
      `the type of ${formatPath(path)} is not known: say it with --type, or give an instance as --json`,
    );
  const id = path.resourceInstanceId ?? path.resourceId!;
  return { id, path: formatPath(path), kind: 'SINGLE_RESOURCE', type, value: avroValue(type, value) };
}

function avroValue(type: ResourceType, text: string): AvroResource['value'] {
  switch (type) {
    case 'FLOAT':
      return { double: numberOf(text) };
    case 'INTEGER':
      return { long: integerOf(text) };
    case 'TIME':
      return { long: Number(integerOf(text)) };
    case 'BOOLEAN':
      if (text !== 'true' && text !== 'false') throw new PlatformError('USAGE', 'a BOOLEAN is true or false');
      return { boolean: text === 'true' };
    default:
      return { string: text };
  }
}

function numberOf(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new PlatformError('USAGE', `${JSON.stringify(text)} is no number`);
  return value;
}

function integerOf(text: string): number | bigint {
  if (!/^-?\d{1,19}$/.test(text)) throw new PlatformError('USAGE', `${JSON.stringify(text)} is no whole number`);
  const value = BigInt(text);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
