import { z } from 'zod';
import type { Registration } from '../../registration/registration.ts';
import type { RestContext } from '../context.ts';
import { type ApiRoute, route } from './api-route.ts';
import { deviceOf } from './asking.ts';
import { deviceDetailJson, deviceJson } from './device-json.ts';
import { deviceDetailSchema, deviceListSchema, endpointName, endpointParams } from './schemas.ts';

const MOST_PER_PAGE = 1_000;

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MOST_PER_PAGE).default(100).describe('devices per page'),
  after: endpointName.optional().describe('endpoint name that the page begins behind: `next` of the page before'),
  prefix: z.string().max(255).optional().describe('only endpoint names that begin so'),
  object: z.coerce.number().int().min(0).max(65_534).optional().describe('only devices that announce this object'),
  queueMode: z.enum(['true', 'false']).optional(),
  gateway: endpointName.optional().describe('only devices behind this LwM2M gateway'),
});
type Filter = z.output<typeof listQuery>;

export const DEVICE_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/devices',
    operationId: 'listDevices',
    tag: 'devices',
    about: 'registered devices in the order of their endpoint names, page by page',
    query: listQuery,
    answers: { 200: { about: 'one page', schema: deviceListSchema } },
    handle: (context, { query }) => ({ status: 200, body: page(context, query) }),
  }),
  route({
    method: 'GET',
    path: '/devices/{endpoint}',
    operationId: 'getDevice',
    tag: 'devices',
    about: 'one registered device with the objects it announced',
    params: endpointParams,
    answers: { 200: { about: 'the device', schema: deviceDetailSchema } },
    handle: (context, { params }) => ({
      status: 200,
      body: deviceDetailJson(deviceOf(context, params.endpoint), context),
    }),
  }),
];

function page(context: RestContext, filter: Filter) {
  const { after = '', limit } = filter;
  const first: Registration[] = [];
  let total = 0;
  for (const registration of context.registrations.all()) {
    if (!matches(registration, filter)) continue;
    total++;
    if (registration.endpointName > after) keepFirst(first, registration, limit + 1);
  }
  const devices = first.slice(0, limit).map((registration) => deviceJson(registration, context));
  return { total, devices, ...(first.length > limit ? { next: first[limit - 1]!.endpointName } : {}) };
}

/** Keeps the first so many in order: a fleet is never sorted as a whole for one page. */
function keepFirst(first: Registration[], next: Registration, most: number): void {
  if (first.length === most && next.endpointName >= first[most - 1]!.endpointName) return;
  let [low, high] = [0, first.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (first[middle]!.endpointName < next.endpointName) low = middle + 1;
    else high = middle;
  }
  first.splice(low, 0, next);
  if (first.length > most) first.pop();
}

function matches(registration: Registration, { prefix, object, queueMode, gateway }: Filter): boolean {
  if (gateway !== undefined && registration.behind?.gatewayName !== gateway) return false;
  if (prefix !== undefined && !registration.endpointName.startsWith(prefix)) return false;
  if (queueMode !== undefined && registration.queueMode !== (queueMode === 'true')) return false;
  return object === undefined || registration.instances.has(object);
}
