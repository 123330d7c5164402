import { z } from 'zod';
import type { CommandView } from '../../bridge/command-queues.ts';
import { AVRO } from '../avro-names.ts';
import { notFound } from '../problem.ts';
import { type ApiRoute, route } from './api-route.ts';
import { ask } from './asking.ts';
import { iso } from './device-json.ts';
import { doneAnswer, payloadOf } from './resource-routes.ts';
import { commandSchema, commandsSchema, doneSchema, endpointName, endpointParams } from './schemas.ts';

const TAG = 'queue';
const ticketParams = z.object({ endpoint: endpointName, ticket: z.string().min(1).max(512) });
/** Commands of all devices shown at once. */
const MOST_SHOWN = 1_000;

export const QUEUE_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/queue',
    operationId: 'listCommands',
    tag: TAG,
    about: `commands of all devices that have no reply yet, the first ${MOST_SHOWN}`,
    answers: { 200: { about: 'commands', schema: commandsSchema } },
    handle: ({ operations }) => ({
      status: 200,
      body: { commands: operations.list().slice(0, MOST_SHOWN).map(commandJson) },
    }),
  }),
  route({
    method: 'GET',
    path: '/devices/{endpoint}/queue',
    operationId: 'listDeviceCommands',
    tag: TAG,
    about: 'commands of a device that have no reply yet, in the order they will run; those from Kafka too',
    params: endpointParams,
    answers: { 200: { about: 'commands', schema: commandsSchema } },
    handle: ({ operations }, { params }) => ({
      status: 200,
      body: { commands: operations.list(params.endpoint).map(commandJson) },
    }),
  }),
  route({
    method: 'GET',
    path: '/devices/{endpoint}/queue/{ticket}',
    operationId: 'getCommand',
    tag: TAG,
    about: 'one command; 404 once it has its reply, which stands in the topic of replies',
    params: ticketParams,
    answers: { 200: { about: 'the command', schema: commandSchema } },
    handle: ({ operations }, { params: { endpoint, ticket } }) => {
      const command = operations.list(endpoint).find((one) => one.ticket === ticket);
      if (command === undefined) throw notFound(`command ${ticket}`);
      return { status: 200, body: commandJson(command) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/devices/{endpoint}/queue/{ticket}',
    operationId: 'cancelCommand',
    tag: TAG,
    about: 'withdraw a command that waits; it gets a reply that says so',
    params: ticketParams,
    answers: { 200: { about: 'withdrawn', schema: doneSchema } },
    handle: (context, { params: { endpoint, ticket } }) => {
      if (!context.operations.list(endpoint).some((one) => one.ticket === ticket)) throw notFound(`command ${ticket}`);
      const payload = { ...payloadOf('cancel', '/'), body: { [AVRO.cancel]: { ticket } } };
      // Also for a device that is away: nothing is asked of it.
      return ask(context, endpoint, payload, { isForServer: true }, doneAnswer);
    },
  }),
];

function commandJson({ id: _, endpointName, receivedAtMs, expiresAtMs, transfer, ...view }: CommandView) {
  return {
    endpoint: endpointName,
    ...view,
    receivedAt: iso(receivedAtMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: iso(expiresAtMs) }),
    ...(transfer === undefined ? {} : { transfer: transferJson(transfer) }),
  };
}

function transferJson({ direction, bytes, totalBytes, lastBlockAtMs }: NonNullable<CommandView['transfer']>) {
  return { direction, bytes, ...(totalBytes === undefined ? {} : { totalBytes }), lastBlockAt: iso(lastBlockAtMs) };
}
