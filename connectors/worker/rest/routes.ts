import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { openApiDocument } from '../../../common/http/openapi.ts';
import type { ConnectRoute, RestContext } from './connect-route.ts';
import { CONNECTOR_ROUTES } from './connector-routes.ts';
import { OFFSET_ROUTES } from './offset-routes.ts';
import { RestError } from './rest-error.ts';
import { failureSchema, NAMED } from './schemas.ts';
import { STATE_ROUTES } from './state-routes.ts';
import { WORKER_ROUTES } from './worker-routes.ts';

const ROUTES: readonly ConnectRoute[] = [...CONNECTOR_ROUTES, ...STATE_ROUTES, ...OFFSET_ROUTES, ...WORKER_ROUTES];
const JSON_TYPE = 'application/json; charset=utf-8';

const ABOUT = [
  "Kafka Connect's REST interface, of any worker for all of its group. Without `--rest-token-file` it is for this machine alone.",
  'A worker that still reads its topics answers 503.',
].join(' ');

/** The REST interface of Kafka Connect and its OpenAPI document. */
export function routes(app: FastifyInstance, context: RestContext): void {
  for (const one of ROUTES) {
    app.route({
      method: one.method,
      url: one.path.replace(/\{(\w+)\}/g, ':$1'),
      handler: (request, reply) => serve(one, context, request, reply),
    });
  }
  const document = openApiDocument(ROUTES, {
    title: 'zeelos connect worker',
    about: ABOUT,
    prefix: '',
    needsToken: context.needsToken,
    named: NAMED,
    failure: { about: 'what went wrong', schema: failureSchema },
  });
  const text = JSON.stringify(document);
  app.get('/openapi.json', (_request, reply) => reply.type(JSON_TYPE).send(text));
}

async function serve(
  one: ConnectRoute,
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const read = (schema: ConnectRoute['params'], value: unknown) => {
    const result = schema?.safeParse(value);
    if (result === undefined || result.success) return result?.data;
    throw new RestError(
      400,
      result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
    );
  };
  const answer = await one.handle(context, {
    params: read(one.params, request.params) as never,
    query: read(one.query, request.query) as never,
    body: request.body,
  });
  reply.code(answer.status);
  if (answer.location !== undefined) reply.header('location', answer.location);
  return answer.body === undefined ? reply.send() : reply.type(JSON_TYPE).send(JSON.stringify(answer.body));
}
