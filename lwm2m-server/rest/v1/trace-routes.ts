import { notFound } from '../problem.ts';
import { type ApiRoute, route } from './api-route.ts';
import { iso } from './device-json.ts';
import { endpointParams, traceSchema } from './schemas.ts';

const TAG = 'trace';
const PATH = '/devices/{endpoint}/trace';
/** A trace started here goes on until it is stopped here, whoever started it. */
const HOLDER = 'api';

export const TRACE_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'PUT',
    path: PATH,
    operationId: 'startTrace',
    tag: TAG,
    about: 'keep the CoAP messages of a device from now on, the newest 256; of 32 devices at most',
    params: endpointParams,
    answers: { 204: { about: 'it runs' } },
    handle: ({ traces }, { params }) => {
      traces.start(params.endpoint, HOLDER);
      return { status: 204 };
    },
  }),
  route({
    method: 'GET',
    path: PATH,
    operationId: 'getTrace',
    tag: TAG,
    about: 'the messages kept so far, oldest first; what may hold keys is not shown',
    params: endpointParams,
    answers: { 200: { about: 'messages', schema: traceSchema } },
    handle: ({ traces }, { params }) => {
      const trace = traces.of(params.endpoint);
      if (trace === undefined) throw notFound(`a trace of ${params.endpoint}`);
      const { startedAtMs, dropped, entries } = trace;
      return { status: 200, body: { startedAt: iso(startedAtMs), dropped, messages: entries } };
    },
  }),
  route({
    method: 'DELETE',
    path: PATH,
    operationId: 'stopTrace',
    tag: TAG,
    about: 'stop the trace and forget its messages',
    params: endpointParams,
    answers: { 204: { about: 'stopped' } },
    handle: ({ traces }, { params }) => {
      if (!traces.stop(params.endpoint, HOLDER)) throw notFound(`a trace of ${params.endpoint}`);
      return { status: 204 };
    },
  }),
];
