import { entryOf, typeOf } from './answers.ts';
import { type ConnectRoute, type RestContext, route } from './connect-route.ts';
import { RestError } from './rest-error.ts';
import { messageSchema, nameParams, offsetsInputSchema, offsetsSchema } from './schemas.ts';

const tag = 'offsets';
const path = '/connectors/{name}/offsets';

/** KIP-875. */
export const OFFSET_ROUTES: readonly ConnectRoute[] = [
  route({
    ...{ method: 'GET', path, operationId: 'getOffsets', tag },
    about: 'where it stands: the next record of each partition of a sink, the next round of a source',
    params: nameParams,
    answers: { 200: { about: 'offsets', schema: offsetsSchema } },
    handle: async ({ worker, offsets }, { params: { name } }) => {
      const type = kindOf(worker, name);
      return { status: 200, body: { offsets: await offsets.read(name, type) } };
    },
  }),
  route({
    ...{ method: 'PATCH', path, operationId: 'alterOffsets', tag },
    about: 'puts it elsewhere; only while it is STOPPED. An offset of null begins the partition anew',
    params: nameParams,
    body: offsetsInputSchema,
    answers: { 200: { about: 'altered', schema: messageSchema } },
    handle: async ({ worker, offsets }, { params: { name }, body }) => {
      const type = stoppedKindOf(worker, name);
      refuseRunning(await offsets.alter(name, type, body), name);
      return { status: 200, body: { message: 'The offsets for this connector have been altered successfully' } };
    },
  }),
  route({
    ...{ method: 'DELETE', path, operationId: 'resetOffsets', tag },
    about: 'lets it begin anew; only while it is STOPPED',
    params: nameParams,
    answers: { 200: { about: 'reset', schema: messageSchema } },
    handle: async ({ worker, offsets }, { params: { name } }) => {
      const type = stoppedKindOf(worker, name);
      refuseRunning(await offsets.reset(name, type), name);
      return { status: 200, body: { message: 'The offsets for this connector have been reset successfully' } };
    },
  }),
];

function kindOf(worker: RestContext['worker'], name: string): 'sink' | 'source' {
  return typeOf(entryOf(worker, name).config) === 'source' ? 'source' : 'sink';
}

function stoppedKindOf(worker: RestContext['worker'], name: string): 'sink' | 'source' {
  if (entryOf(worker, name).state !== 'STOPPED')
    throw new RestError(
      400,
      `Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/${name}/stop' endpoint`,
    );
  return kindOf(worker, name);
}

function refuseRunning(isDone: boolean, name: string): void {
  if (!isDone) throw new RestError(409, `Tasks of ${name} have not ended yet; try again when they have`);
}
