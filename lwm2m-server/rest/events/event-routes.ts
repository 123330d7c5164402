import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RestContext } from '../context.ts';
import { HttpError } from '../problem.ts';
import type { StreamSink } from './event-streams.ts';

const EVENT_STREAM = 'text/event-stream';
const LONGEST_NAME = 255;

/** `GET /event[?ep=<endpoint>]`, and the same as `/api/v1/events?endpoint=<endpoint>`. */
export async function eventRoutes(app: FastifyInstance, context: RestContext): Promise<void> {
  app.get('/event', (request, reply) => {
    // As the demo server has it: a browser that opens the path as a page is told that it is none.
    if (!accepts(request)) return reply.code(405).send();
    return openStream(context, request, reply, 'ep');
  });
  app.get('/api/v1/events', (request, reply) => openStream(context, request, reply, 'endpoint'));
}

function accepts({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').includes(EVENT_STREAM);
}

function openStream(
  { streams }: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
  parameter: 'ep' | 'endpoint',
): FastifyReply {
  const endpointName = (request.query as Record<string, unknown>)[parameter];
  if (endpointName !== undefined && (typeof endpointName !== 'string' || endpointName.length > LONGEST_NAME))
    throw new HttpError(400, 'HTTP_REQUEST', `${parameter} must be one endpoint name`);
  const lastEventId = request.headers['last-event-id'];
  const { raw } = reply;
  const sink: StreamSink = {
    write: (text) => raw.write(text),
    onceDrained: (then) => void raw.once('drain', then),
    end: () => void raw.end(),
    destroy: () => void raw.destroy(),
  };
  const end = streams.open(sink, {
    endpointName: endpointName === '' ? undefined : endpointName,
    lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
  });
  reply.hijack();
  raw.once('close', end);
  raw.writeHead(200, { 'content-type': EVENT_STREAM, 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  raw.flushHeaders();
  return reply;
}
