import { PlatformError } from '../../../common/errors.ts';
import type { ModelLookup } from '../../../lwm2m/model/object-models.ts';
import { formatPath, type Lwm2mPath, pathLevel } from '../../../lwm2m/path.ts';
import type { AvroContentFormat, AvroRequestPayload } from '../../../schemas/generated/records.ts';
import { AVRO } from '../avro-names.ts';
import { NodeInput } from '../node-input.ts';

/** Formats by the names of the legacy paths. */
const FORMATS: Readonly<Record<string, AvroContentFormat>> = {
  TLV: 'TLV',
  JSON: 'JSON_CODE',
  TEXT: 'TEXT_CODE',
  OPAQUE: 'OPAQUE_CODE',
};

export interface LegacyRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Behind the endpoint name: ids, and perhaps `discover` or `observe`. */
  readonly path: Lwm2mPath;
  readonly verb: 'discover' | 'observe' | undefined;
  readonly format: string | undefined;
  readonly body: unknown;
}

/** The command that a request on a legacy path stands for. Throws LWM2M_REQUEST and what a bad body throws. */
export function legacyPayload(request: LegacyRequest, models: ModelLookup): AvroRequestPayload {
  const { method, path, verb } = request;
  const contentFormat = formatOf(request.format);
  const payload = { path: formatPath(path), contentFormat };
  if (method === 'GET') return { ...payload, kind: verb === 'discover' ? 'discover' : 'read' };
  if (verb === 'observe') return { ...payload, kind: method === 'POST' ? 'observe' : 'observeCancel' };
  if (method === 'DELETE') return { ...payload, kind: 'delete' };
  const input = new NodeInput({ models, opaque: 'hex' });
  if (method === 'PUT') return { ...payload, kind: 'write', ...writeOf(path, request.body, input) };
  if (pathLevel(path) === 'resource') return { ...payload, kind: 'execute', body: executeBody(request.body) };
  return createOf(path, request.body, input, contentFormat);
}

function formatOf(format: string | undefined): AvroContentFormat {
  if (format === undefined) return 'AUTO';
  const known = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (known !== undefined) return known;
  throw new PlatformError('LWM2M_REQUEST', `format is one of ${Object.keys(FORMATS).join(', ')}`);
}

function writeOf(path: Lwm2mPath, body: unknown, input: NodeInput): Pick<AvroRequestPayload, 'body'> {
  if (path.instanceId === undefined)
    throw new PlatformError('LWM2M_REQUEST', 'a write needs the path of an instance or a resource');
  const content = typeof body === 'string' ? { value: body } : body;
  return { body: { [AVRO.write]: { mode: 'REPLACE', node: input.write(path, content) } } };
}

function executeBody(body: unknown): AvroRequestPayload['body'] {
  if (body != null && typeof body !== 'string')
    throw new PlatformError('LWM2M_REQUEST', 'the parameters of an execute are text');
  return { [AVRO.execute]: { parameters: body ?? '' } };
}

function createOf(
  path: Lwm2mPath,
  body: unknown,
  input: NodeInput,
  contentFormat: AvroContentFormat,
): AvroRequestPayload {
  const level = pathLevel(path);
  if (level !== 'object' && level !== 'instance')
    throw new PlatformError('LWM2M_REQUEST', 'a create needs the path of an object');
  const instance = input.instance(path, body);
  return { kind: 'create', path: `/${path.objectId}`, contentFormat, body: { [AVRO.create]: { instance } } };
}
