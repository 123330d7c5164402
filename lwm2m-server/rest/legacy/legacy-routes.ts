import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../../../common/errors.ts';
import { registrationModels } from '../../models/registration-models.ts';
import type { Registration } from '../../registration/registration.ts';
import type { RestContext } from '../context.ts';
import { lwm2mPath, rawSegments } from '../path-input.ts';
import { asPlatformError } from '../problem.ts';
import { failureText, operationJson, refusalText } from './legacy-answers.ts';
import { type LegacyRequest, legacyPayload } from './legacy-operations.ts';
import { objectSpecJson } from './object-specs-json.ts';
import { registrationJson } from './registration-json.ts';

/** As the demo server waits. */
const TIMEOUT_MS = 5_000;
/** Devices written between two turns of the event loop: a fleet's list must not hold up its messages. */
const BATCH = 200;
/** `/api/clients/<endpoint>` */
const PREFIX_SEGMENTS = 3;
const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** The paths and JSON of Leshan's demo server, for scripts and consoles that were written for it. */
export async function legacyRoutes(app: FastifyInstance, context: RestContext): Promise<void> {
  readAnyBody(app);
  app.setErrorHandler((error, _request, reply) => {
    const known = asPlatformError(error);
    if (known.code === 'INTERNAL') context.log.error({ err: error }, 'a fault in the REST interface');
    const { status, text } = refusalText(known.code, known.message);
    return reply.code(status).type(TEXT_TYPE).send(text);
  });
  app.get('/api/clients', (_request, reply) =>
    reply.type(JSON_TYPE).send(Readable.from(listed(context), { objectMode: false })),
  );
  app.get('/api/clients/:endpoint', (request, reply) =>
    reply.type(JSON_TYPE).send(JSON.stringify(registrationJson(registrationOf(context, request), context.state))),
  );
  app.get('/api/objectspecs', (_request, reply) =>
    reply.type(JSON_TYPE).send(JSON.stringify(context.models.all().map(objectSpecJson))),
  );
  app.route({
    method: ['GET', 'PUT', 'POST', 'DELETE'],
    url: '/api/clients/:endpoint/*',
    handler: (request, reply) => operate(context, request, reply),
  });
}

/** Bodies of execute are text of any type; scripts send an empty one as JSON too. */
function readAnyBody(app: FastifyInstance): void {
  const readJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else readJson(request, body as string, done);
  });
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
}

/** One JSON array, in pieces. */
async function* listed({ registrations, state }: RestContext): AsyncGenerator<string> {
  let separator = '[';
  let batch: string[] = [];
  for (const registration of registrations.all()) {
    batch.push(JSON.stringify(registrationJson(registration, state)));
    if (batch.length < BATCH) continue;
    yield separator + batch.join(',');
    [separator, batch] = [',', []];
    await setImmediate();
  }
  yield `${separator === '[' || batch.length > 0 ? separator : ''}${batch.join(',')}]`;
}

function registrationOf({ registrations }: RestContext, request: FastifyRequest): Registration {
  const { endpoint } = request.params as { endpoint: string };
  const registration = registrations.byEndpointName(endpoint);
  if (registration !== undefined) return registration;
  throw new PlatformError('LWM2M_NOT_REGISTERED', `no registered client with id '${endpoint}'`);
}

async function operate(context: RestContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const asked = registrationOf(context, request);
  const segments = rawSegments(request.raw.url ?? '', PREFIX_SEGMENTS);
  // A path of a gateway may begin with the prefix of a device behind it.
  const child = context.registrations.childByPrefix(asked.registrationId, segments[0] ?? '');
  const registration = child ?? asked;
  const wanted = legacyRequest(request, child === undefined ? segments : segments.slice(1));
  const payload = legacyPayload(wanted, registrationModels(context.models, registration));
  const { endpointName } = registration;
  if (context.state.sleeping(registration) === true)
    throw new PlatformError('LWM2M_REQUEST', `the client ${endpointName} sleeps`);
  const submitted = await context.operations.submit({ endpointName, payload, timeoutMs: TIMEOUT_MS });
  const answered = await submitted.reply;
  if (answered === undefined) throw new PlatformError('SHUTTING_DOWN', 'the server stops');
  if (answered.failure !== undefined) {
    const { status, text } = failureText(answered);
    return reply.code(status).type(TEXT_TYPE).send(text);
  }
  // The end of an observation has no answer of its own here.
  if (payload.kind === 'observeCancel') return reply.code(200).send();
  return reply.type(JSON_TYPE).send(JSON.stringify(operationJson(answered.rep)));
}

function legacyRequest(request: FastifyRequest, segments: readonly string[]): LegacyRequest {
  const method = request.method as LegacyRequest['method'];
  const verb = verbOf(method, segments.at(-1));
  const path = lwm2mPath(verb === undefined ? segments : segments.slice(0, -1));
  const { format } = request.query as Record<string, unknown>;
  if (format !== undefined && typeof format !== 'string')
    throw new PlatformError('LWM2M_REQUEST', 'one format at most');
  return { method, path, verb, format, body: request.body };
}

function verbOf(method: string, last: string | undefined): LegacyRequest['verb'] {
  if (method === 'GET' && last === 'discover') return 'discover';
  return (method === 'POST' || method === 'DELETE') && last === 'observe' ? 'observe' : undefined;
}
