import { z } from 'zod';
import { parsePath } from '../../../lwm2m/path.ts';
import type { AvroRequestPayload } from '../../../schemas/generated/records.ts';
import { NO_TICKET } from '../../observation/observations.ts';
import { compositeKey } from '../../operation/composite.ts';
import { AVRO } from '../avro-names.ts';
import type { RestContext } from '../context.ts';
import { type ApiRoute, route } from './api-route.ts';
import { ask, deviceOf, WAITS } from './asking.ts';
import { nodesOf } from './composite-routes.ts';
import { doneAnswer, payloadOf } from './resource-routes.ts';
import {
  doneSchema,
  endpointParams,
  formatQuery,
  lwm2mPathText,
  observationsSchema,
  queueQuery,
  startedSchema,
} from './schemas.ts';

const TAG = 'observations';
const PATH = '/devices/{endpoint}/observations';
const MOST_PATHS = 200;

const started = z.strictObject({
  paths: z.array(lwm2mPathText).min(1).max(MOST_PATHS).describe('one path; several are observed as one (LwM2M 1.1)'),
});
const pathsQuery = z
  .string()
  .min(1)
  .max(10_000)
  .describe('the path as the list shows it; for a composite observation its paths with commas');

export const OBSERVATION_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: PATH,
    operationId: 'listObservations',
    tag: TAG,
    about: 'what is observed of a device, and what should be and is not',
    params: endpointParams,
    answers: { 200: { about: 'observations', schema: observationsSchema } },
    handle: (context, { params }) => ({ status: 200, body: { observations: listed(context, params.endpoint) } }),
  }),
  route({
    method: 'POST',
    path: PATH,
    operationId: 'observe',
    tag: TAG,
    about: 'observe; it is restored at each registration until it is cancelled',
    params: endpointParams,
    query: z.object({ ...formatQuery, ...queueQuery }),
    body: started,
    answers: { 200: { about: 'the first values', schema: startedSchema }, 202: WAITS },
    handle: (context, { params, query: { format, ...options }, body: { paths } }) =>
      ask(context, params.endpoint, observePayload(paths, format), options, ({ ticket, rep }) => {
        const key = keyOf(paths);
        const observed = context.observations.byPath(params.endpoint, key) !== undefined;
        return { status: 200, body: { ticket, observed, nodes: nodesOf(rep, paths[0]) } };
      }),
  }),
  route({
    method: 'DELETE',
    path: PATH,
    operationId: 'cancelObservation',
    tag: TAG,
    about: 'end an observation',
    params: endpointParams,
    query: z.object({ path: pathsQuery, ...queueQuery }),
    answers: { 200: { about: 'ended', schema: doneSchema }, 202: WAITS },
    handle: (context, { params, query: { path, ...options } }) =>
      ask(context, params.endpoint, cancelPayload(path), options, doneAnswer),
  }),
];

function listed(context: RestContext, endpoint: string) {
  deviceOf(context, endpoint);
  return context.desiredOf(endpoint).map(({ path, ticket, state, code }) => {
    const held = context.observations.byPath(endpoint, path);
    return {
      path,
      ...(ticket === NO_TICKET ? {} : { ticket }),
      ...(held === undefined ? {} : { observationId: held.observationId }),
      state,
      ...(code === undefined ? {} : { code }),
    };
  });
}

function keyOf(paths: readonly string[]): string {
  return paths.length === 1 ? paths[0]! : compositeKey(paths.map(parsePath));
}

function observePayload(paths: readonly string[], format: AvroRequestPayload['contentFormat'] | undefined) {
  if (paths.length === 1) return payloadOf('observe', paths[0]!, format);
  return { ...payloadOf('observeComposite', '/', format), body: { [AVRO.observeComposite]: { paths } } };
}

function cancelPayload(path: string): AvroRequestPayload {
  if (!path.includes(',')) return payloadOf('observeCancel', path);
  const paths = path.split(',').filter((one) => one !== '');
  return { ...payloadOf('observeCancel', '/'), body: { [AVRO.observeComposite]: { paths } } };
}
