import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { LoadedApp } from '../../common/http/http-port.ts';
import type { RestContext } from './context.ts';
import { eventRoutes } from './events/event-routes.ts';
import { legacyRoutes } from './legacy/legacy-routes.ts';
import { asPlatformError, notFound, PROBLEM_TYPE, type Problem, problemOf } from './problem.ts';
import { registryRoutes } from './registry-routes.ts';
import { apiRoutes } from './v1/api-routes.ts';

/** A command must fit a record; nothing larger is worth reading. Routes that take more say so. */
const BODY_BYTES = 2 ** 20;
/** Endpoint names have up to 255 bytes, each of them perhaps written as %xx. */
const PARAMETER_CHARACTERS = 3 * 255;

/** All routes. Validation is by zod in the routes themselves: fastify's own validator and serializer are never loaded. */
export async function openApp(context: RestContext): Promise<LoadedApp> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS },
    exposeHeadRoutes: false,
    // A key that reaches a prototype is refused, not left out.
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // A URL that cannot be decoded never reaches a route.
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, problemOf(error)),
  });
  answerProblems(app, context);
  await app.register(legacyRoutes, context);
  await app.register(eventRoutes, context);
  await app.register(apiRoutes, context);
  await app.register(registryRoutes, context);
  await app.ready();
  return { handle: (request, response) => void app.routing(request, response), close: () => app.close() };
}

function answerProblems(app: FastifyInstance, { log }: RestContext): void {
  app.setErrorHandler((error, _request, reply) => {
    if (asPlatformError(error).code === 'INTERNAL') log.error({ err: error }, 'a fault in the REST interface');
    return sendProblem(reply, problemOf(error));
  });
  app.setNotFoundHandler((request, reply) => {
    return sendProblem(reply, problemOf(notFound(`${request.method} ${request.url.split('?', 1)[0]}`)));
  });
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}
