import { z } from 'zod';
import { ERROR_CODES } from '../../../common/errors.ts';
import { ENTRIES_PER_DEVICE, MAX_TRACED_DEVICES } from '../../trace/coap-traces.ts';
import { MAX_STREAMS } from '../events/event-streams.ts';
import { type ApiRoute, route } from './api-route.ts';
import { endpointName } from './schemas.ts';

const TAG = 'server';

const serverSchema = z.object({
  gatewayId: z.string(),
  registrations: z.int(),
  observations: z.int(),
  commandsWaiting: z.int(),
  streams: z.int(),
  tracedDevices: z.int(),
  limits: z.object({
    registrations: z.int(),
    observations: z.int(),
    streams: z.int(),
    tracedDevices: z.int(),
    traceMessagesPerDevice: z.int(),
  }),
});

const errorRow = z.object({ code: z.string(), retriable: z.boolean(), meaning: z.string(), remedy: z.string() });

export const SERVER_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/server',
    operationId: 'getServer',
    tag: TAG,
    about: 'this server: what it holds and what it can hold',
    answers: { 200: { about: 'the server', schema: serverSchema } },
    handle: ({ gatewayId, registrations, observations, operations, streams, traces }) => ({
      status: 200,
      body: {
        gatewayId,
        registrations: registrations.size,
        observations: observations.size,
        commandsWaiting: operations.size,
        streams: streams.size,
        tracedDevices: traces.size,
        limits: {
          registrations: registrations.limit,
          observations: observations.limit,
          streams: MAX_STREAMS,
          tracedDevices: MAX_TRACED_DEVICES,
          traceMessagesPerDevice: ENTRIES_PER_DEVICE,
        },
      },
    }),
  }),
  route({
    method: 'GET',
    path: '/errors',
    operationId: 'listErrors',
    tag: TAG,
    about: 'the codes that problems carry, and what to do about each',
    answers: { 200: { about: 'codes', schema: z.object({ errors: z.array(errorRow) }) } },
    handle: () => {
      const errors = Object.entries(ERROR_CODES).map(([code, row]) => ({ code, ...row }));
      return { status: 200, body: { errors } };
    },
  }),
];

/** Served beside the others, since a stream is no answer with an end; described here for OpenAPI. */
export const EVENT_ROUTE: ApiRoute = route({
  method: 'GET',
  path: '/events',
  operationId: 'streamEvents',
  tag: 'events',
  about:
    'server-sent events: REGISTRATION, UPDATED, DEREGISTRATION, NOTIFICATION, SEND, AWAKE, SLEEPING, and COAPLOG where one device is named; GAP where some are missing. Last-Event-ID resumes',
  query: z.object({
    endpoint: endpointName.optional().describe('events of this device alone, with its CoAP messages'),
  }),
  answers: { 200: { about: 'a stream', contentType: 'text/event-stream' } },
  handle: () => ({ status: 200 }),
});
