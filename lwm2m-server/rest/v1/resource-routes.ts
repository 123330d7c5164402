import { z } from 'zod';
import { parseLinkFormat } from '../../../lwm2m/link-format.ts';
import { parsePath, pathLevel } from '../../../lwm2m/path.ts';
import type { AvroRequestPayload } from '../../../schemas/generated/records.ts';
import { AVRO } from '../avro-names.ts';
import type { RestContext } from '../context.ts';
import type { CommandReply } from '../device-operations.ts';
import { linksJson } from '../legacy/registration-json.ts';
import { NodeInput } from '../node-input.ts';
import { type ApiAnswer, type ApiRoute, route } from './api-route.ts';
import { type AskOptions, ask, modelsFor, WAITS } from './asking.ts';
import { iso } from './device-json.ts';
import { typedNodeJson } from './node-json.ts';
import {
  createdSchema,
  doneSchema,
  endpointParams,
  formatQuery,
  instanceInputSchema,
  linksSchema,
  nodeInputSchema,
  pathQuery,
  queueQuery,
  readingSchema,
} from './schemas.ts';

const TAG = 'resources';
const PATH = '/devices/{endpoint}/resources';
const query = z.object({ ...pathQuery, ...queueQuery });
const formattedQuery = z.object({ ...pathQuery, ...formatQuery, ...queueQuery });

type Format = AvroRequestPayload['contentFormat'] | undefined;

export const RESOURCE_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: PATH,
    operationId: 'read',
    tag: TAG,
    about: 'read an object, an instance, a resource or a resource instance',
    params: endpointParams,
    query: formattedQuery,
    answers: { 200: { about: 'what was read', schema: readingSchema }, 202: WAITS },
    handle: (context, { params, query: { path, format, ...options } }) =>
      ask(context, params.endpoint, payloadOf('read', path, format), options, (reply) => readAnswer(path, reply)),
  }),
  route({
    method: 'PUT',
    path: PATH,
    operationId: 'write',
    tag: TAG,
    about: 'write: what was there is replaced; several values of a resource are set by an update of its instance',
    params: endpointParams,
    query: formattedQuery,
    body: nodeInputSchema,
    answers: { 200: { about: 'written', schema: doneSchema }, 202: WAITS },
    handle: (context, { params, query: { path, format, ...options }, body }) =>
      write(context, params.endpoint, { path, format, body, mode: 'REPLACE' }, options),
  }),
  route({
    method: 'PATCH',
    path: PATH,
    operationId: 'update',
    tag: TAG,
    about: 'write to an instance: what the body does not name stays',
    params: endpointParams,
    query: formattedQuery,
    body: nodeInputSchema,
    answers: { 200: { about: 'written', schema: doneSchema }, 202: WAITS },
    handle: (context, { params, query: { path, format, ...options }, body }) =>
      write(context, params.endpoint, { path, format, body, mode: 'UPDATE' }, options),
  }),
  route({
    method: 'POST',
    path: PATH,
    operationId: 'create',
    tag: TAG,
    about: 'create an instance of the object at `path`; without `id` the device chooses one',
    params: endpointParams,
    query: formattedQuery,
    body: instanceInputSchema,
    answers: { 201: { about: 'created', schema: createdSchema }, 202: WAITS },
    handle: (context, { params, query: { path, format, ...options }, body }) => {
      const input = new NodeInput({ models: modelsFor(context, params.endpoint), opaque: 'base64' });
      const instance = input.instance(parsePath(path), body);
      const payload = { ...payloadOf('create', path, format), body: { [AVRO.create]: { instance } } };
      return ask(context, params.endpoint, payload, options, createdAnswer);
    },
  }),
  route({
    method: 'DELETE',
    path: PATH,
    operationId: 'delete',
    tag: TAG,
    about: 'delete an object instance or a resource instance',
    params: endpointParams,
    query,
    answers: { 200: { about: 'deleted', schema: doneSchema }, 202: WAITS },
    handle: (context, { params, query: { path, ...options } }) =>
      ask(context, params.endpoint, payloadOf('delete', path), options, doneAnswer),
  }),
  route({
    method: 'POST',
    path: '/devices/{endpoint}/execute',
    operationId: 'execute',
    tag: TAG,
    about: 'execute a resource',
    params: endpointParams,
    query,
    body: z.strictObject({ parameters: z.string().max(10_000).default('') }).optional(),
    answers: { 200: { about: 'executed', schema: doneSchema }, 202: WAITS },
    handle: (context, { params, query: { path, ...options }, body }) => {
      const parameters = body?.parameters ?? '';
      const payload = { ...payloadOf('execute', path), body: { [AVRO.execute]: { parameters } } };
      return ask(context, params.endpoint, payload, options, doneAnswer);
    },
  }),
  route({
    method: 'GET',
    path: '/devices/{endpoint}/discover',
    operationId: 'discover',
    tag: TAG,
    about: 'what a device has at a path, with its notification attributes',
    params: endpointParams,
    query,
    answers: { 200: { about: 'links', schema: linksSchema }, 202: WAITS },
    handle: (context, { params, query: { path, ...options } }) =>
      ask(context, params.endpoint, payloadOf('discover', path), options, linksAnswer),
  }),
  route({
    method: 'PUT',
    path: '/devices/{endpoint}/attributes',
    operationId: 'writeAttributes',
    tag: TAG,
    about: 'write notification attributes; null takes one away',
    params: endpointParams,
    query,
    body: z.record(z.string().max(10), z.number().nullable()),
    answers: { 200: { about: 'written', schema: doneSchema }, 202: WAITS },
    handle: (context, { params, query: { path, ...options }, body }) => {
      const observeSpec = Object.entries(body).map(([name, value]) => (value === null ? name : `${name}=${value}`));
      const written = { [AVRO.writeAttributes]: { observeSpec: observeSpec.join('&') } };
      const payload = { ...payloadOf('writeAttributes', path), body: written };
      return ask(context, params.endpoint, payload, options, doneAnswer);
    },
  }),
];

export function payloadOf(kind: AvroRequestPayload['kind'], path: string, format?: Format): AvroRequestPayload {
  return { kind, path, contentFormat: format ?? 'AUTO', body: null };
}

export function doneAnswer({ ticket, rep }: CommandReply): ApiAnswer {
  return { status: 200, body: { ticket, code: rep.code } };
}

interface Write {
  readonly path: string;
  readonly format: Format;
  readonly body: unknown;
  readonly mode: 'REPLACE' | 'UPDATE';
}

async function write(context: RestContext, endpoint: string, wish: Write, options: AskOptions): Promise<ApiAnswer> {
  const path = parsePath(wish.path);
  const input = new NodeInput({ models: modelsFor(context, endpoint), opaque: 'base64' });
  // The records have no branch for several values of one resource: they travel in an update of the instance.
  const isMultiple = pathLevel(path) === 'resource' && 'values' in (wish.body as object);
  const node = isMultiple ? input.multipleAsInstance(path, wish.body) : input.write(path, wish.body);
  const at = isMultiple ? `/${path.objectId}/${path.instanceId}` : wish.path;
  const body = { [AVRO.write]: { mode: isMultiple ? 'UPDATE' : wish.mode, node } } as const;
  return await ask(context, endpoint, { ...payloadOf('write', at, wish.format), body }, options, doneAnswer);
}

function readAnswer(path: string, { ticket, rep, valueTimestampMs }: CommandReply): ApiAnswer {
  const body = rep.body != null && AVRO.readResponse in rep.body ? rep.body[AVRO.readResponse] : undefined;
  const timestamp = valueTimestampMs === undefined ? {} : { timestamp: iso(valueTimestampMs) };
  return { status: 200, body: { ticket, path, ...timestamp, node: typedNodeJson(body!.content) } };
}

function createdAnswer({ ticket, rep }: CommandReply): ApiAnswer {
  const body = rep.body != null && AVRO.createResponse in rep.body ? rep.body[AVRO.createResponse] : undefined;
  return { status: 201, body: { ticket, location: body?.location ?? '' } };
}

function linksAnswer({ ticket, rep }: CommandReply): ApiAnswer {
  const body = rep.body != null && AVRO.discoverResponse in rep.body ? rep.body[AVRO.discoverResponse] : undefined;
  return { status: 200, body: { ticket, links: linksJson(parseLinkFormat(body!.objectLinks.slice(1, -1))) } };
}
