import { z } from 'zod';
import { parsePath } from '../../../lwm2m/path.ts';
import { AVRO } from '../avro-names.ts';
import type { CommandReply } from '../device-operations.ts';
import { NodeInput } from '../node-input.ts';
import { type ApiAnswer, type ApiRoute, route } from './api-route.ts';
import { ask, modelsFor, WAITS } from './asking.ts';
import { iso } from './device-json.ts';
import { typedNodeJson } from './node-json.ts';
import { doneAnswer, payloadOf } from './resource-routes.ts';
import {
  compositeSchema,
  doneSchema,
  endpointParams,
  formatQuery,
  lwm2mPathText,
  nodeInputSchema,
  queueQuery,
} from './schemas.ts';

const TAG = 'composite';
const MOST_PATHS = 200;
const query = z.object({ ...formatQuery, ...queueQuery });

export const COMPOSITE_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'POST',
    path: '/devices/{endpoint}/read-composite',
    operationId: 'readComposite',
    tag: TAG,
    about: 'read several paths at once (LwM2M 1.1); what the device does not have is missing in the answer',
    params: endpointParams,
    query,
    body: z.strictObject({ paths: z.array(lwm2mPathText).min(1).max(MOST_PATHS) }),
    answers: { 200: { about: 'what was read', schema: compositeSchema }, 202: WAITS },
    handle: (context, { params, query: { format, ...options }, body: { paths } }) => {
      const payload = { ...payloadOf('readComposite', '/', format), body: { [AVRO.readComposite]: { paths } } };
      return ask(context, params.endpoint, payload, options, compositeAnswer);
    },
  }),
  route({
    method: 'POST',
    path: '/devices/{endpoint}/write-composite',
    operationId: 'writeComposite',
    tag: TAG,
    about: 'write to several paths at once (LwM2M 1.1): all or nothing',
    params: endpointParams,
    query,
    body: z.strictObject({
      nodes: z
        .array(z.strictObject({ path: lwm2mPathText, node: nodeInputSchema }))
        .min(1)
        .max(MOST_PATHS),
    }),
    answers: { 200: { about: 'written', schema: doneSchema }, 202: WAITS },
    handle: (context, { params, query: { format, ...options }, body }) => {
      const input = new NodeInput({ models: modelsFor(context, params.endpoint), opaque: 'base64' });
      const nodes = body.nodes.map(({ path, node }) => input.composite(parsePath(path), node));
      const payload = { ...payloadOf('writeComposite', '/', format), body: { [AVRO.writeComposite]: { nodes } } };
      return ask(context, params.endpoint, payload, options, doneAnswer);
    },
  }),
];

function compositeAnswer({ ticket, rep }: CommandReply): ApiAnswer {
  return { status: 200, body: { ticket, nodes: nodesOf(rep) } };
}

/** What a reply read, with paths and times; one plain value without a path of its own gets `path`. */
export function nodesOf({ body }: CommandReply['rep'], path = '/'): unknown[] {
  if (body == null) return [];
  if (AVRO.readResponse in body) return [{ path, node: typedNodeJson(body[AVRO.readResponse].content) }];
  if (!(AVRO.compositeResponse in body)) return [];
  return body[AVRO.compositeResponse].nodes.map((node) => ({
    path: node.path,
    ...(node.timestamp == null ? {} : { timestamp: iso(node.timestamp.long) }),
    node: typedNodeJson(node.content),
  }));
}
