import { type FastifyReply, fastify } from 'fastify';
import type { LoadedApp } from '../../../common/http/http-port.ts';
import type { Log } from '../../../common/log.ts';
import type { RestContext } from './connect-route.ts';
import { asRestError, errorAnswer, RestError } from './rest-error.ts';
import { routes } from './routes.ts';

/** Well below the largest record that the configuration topic takes. */
const BODY_BYTES = 2 ** 19;
const PARAMETER_CHARACTERS = 3 * 128;

/** The routes with their error answers. Loaded when the first request comes. */
export async function openApp(context: RestContext, log: Log): Promise<LoadedApp> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS, ignoreTrailingSlash: true },
    exposeHeadRoutes: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    frameworkErrors: (error, _request, reply) => void sendError(reply, error),
  });
  app.setErrorHandler((error, _request, reply) => {
    if (asRestError(error).status === 500) log.error({ err: error }, 'a fault in the REST interface');
    return sendError(reply, error);
  });
  app.addHook('onRequest', async () => {
    if (!context.worker.isReady) throw new RestError(503, 'The worker does not know its connectors yet');
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .type('application/json')
      .send(JSON.stringify({ error_code: 404, message: 'HTTP 404 Not Found' })),
  );
  // Connect's own tools send PUT and POST of an action without a body but with the type of one.
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else app.getDefaultJsonParser('error', 'error')(request, body as string, done);
  });
  routes(app, context);
  await app.ready();
  return { handle: (request, response) => void app.routing(request, response), close: () => app.close() };
}

function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, type, body } = errorAnswer(error);
  return reply.code(status).type(type).send(body);
}
