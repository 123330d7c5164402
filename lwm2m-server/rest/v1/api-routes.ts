import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodType } from 'zod';
import type { RestContext } from '../context.ts';
import { HttpError } from '../problem.ts';
import type { ApiRoute } from './api-route.ts';
import { COMPOSITE_ROUTES } from './composite-routes.ts';
import { DEVICE_ROUTES } from './device-routes.ts';
import { MODEL_ROUTES } from './model-routes.ts';
import { OBSERVATION_ROUTES } from './observation-routes.ts';
import { serverDocument } from './openapi.ts';
import { QUEUE_ROUTES } from './queue-routes.ts';
import { RESOURCE_ROUTES } from './resource-routes.ts';
import { EVENT_ROUTE, SERVER_ROUTES } from './server-routes.ts';
import { TRACE_ROUTES } from './trace-routes.ts';

const ROUTES: readonly ApiRoute[] = [
  ...DEVICE_ROUTES,
  ...RESOURCE_ROUTES,
  ...COMPOSITE_ROUTES,
  ...OBSERVATION_ROUTES,
  ...QUEUE_ROUTES,
  ...MODEL_ROUTES,
  ...TRACE_ROUTES,
  ...SERVER_ROUTES,
];
const JSON_TYPE = 'application/json; charset=utf-8';
/** Faults of a request that are told at once. */
const TOLD_FAULTS = 5;

/** `/api/v1/…` and its OpenAPI document. */
export async function apiRoutes(app: FastifyInstance, context: RestContext): Promise<void> {
  readBodies(app);
  for (const one of ROUTES) {
    app.route({
      method: one.method,
      url: `/api/v1${one.path.replace(/\{(\w+)\}/g, ':$1')}`,
      ...(one.bodyLimitBytes === undefined ? {} : { bodyLimit: one.bodyLimitBytes }),
      handler: (request, reply) => serve(one, context, request, reply),
    });
  }
  const document = JSON.stringify(serverDocument([...ROUTES, EVENT_ROUTE], context.needsToken));
  app.get('/api/v1/openapi.json', (_request, reply) => reply.type(JSON_TYPE).send(document));
}

function readBodies(app: FastifyInstance): void {
  app.addContentTypeParser(['application/xml', 'text/xml'], { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  const readJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else readJson(request, body as string, done);
  });
}

async function serve(
  one: ApiRoute,
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const answer = await one.handle(context, {
    params: read(one.params, request.params, 'path') as never,
    query: read(one.query?.strict(), request.query, 'query') as never,
    body: read(one.body, request.body, 'body') as never,
    headers: request.headers,
  });
  reply.code(answer.status).headers(answer.headers ?? {});
  return answer.body === undefined ? reply.send() : reply.type(JSON_TYPE).send(JSON.stringify(answer.body));
}

/** Throws HTTP_REQUEST. */
function read(schema: ZodType | undefined, value: unknown, where: string): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues
    .slice(0, TOLD_FAULTS)
    .map(({ path, message }) => `${path.join('.') || where}: ${message}`);
  throw new HttpError(400, 'HTTP_REQUEST', `${where}: ${faults.join('; ')}`);
}
