import { z } from 'zod';
import { connectorOf, textsOf } from '../../config/connector-file.ts';
import type { RawConfig } from '../../config/definition.ts';
import { CONNECTORS_LIMIT, TARGET_STATES } from '../connector-configs.ts';
import { checkWithRegistry } from '../registry-check.ts';
import { shown, unhidden } from '../secrets.ts';
import type { Worker } from '../worker.ts';
import { entryOf, infoOf, statusOf, tableOf } from './answers.ts';
import { type ConnectRoute, type RestContext, route } from './connect-route.ts';
import { RestError } from './rest-error.ts';
import {
  configInputSchema,
  configPatchSchema,
  configSchema,
  connectorInputSchema,
  infoSchema,
  listSchema,
  nameParams,
  topicsSchema,
} from './schemas.ts';
import { refusalText } from './validation.ts';

const tag = 'connectors';
const expand = z.union([z.string(), z.array(z.string())]).optional();

export const CONNECTOR_ROUTES: readonly ConnectRoute[] = [
  route({
    ...{ method: 'GET', path: '/connectors', operationId: 'listConnectors', tag },
    about: 'names; with expand, what each is and how it does',
    query: z.object({ expand: expand.describe('info, status, or both') }),
    answers: { 200: { about: 'names, or connectors by name', schema: listSchema } },
    handle: ({ worker }, { query }) => ({ status: 200, body: listOf(worker, [query.expand ?? []].flat()) }),
  }),
  route({
    ...{ method: 'POST', path: '/connectors', operationId: 'createConnector', tag },
    about: 'makes a connector; of several requests for one name at the same moment one succeeds',
    body: connectorInputSchema,
    answers: { 201: { about: 'made', schema: infoSchema } },
    handle: async (context, { body }) => await create(context, body),
  }),
  route({
    ...{ method: 'GET', path: '/connectors/{name}', operationId: 'getConnector', tag },
    about: 'what a connector is',
    params: nameParams,
    answers: { 200: { about: 'the connector', schema: infoSchema } },
    handle: ({ worker }, { params: { name } }) => ({ status: 200, body: infoOf(worker, name) }),
  }),
  route({
    ...{ method: 'DELETE', path: '/connectors/{name}', operationId: 'deleteConnector', tag },
    about: 'ends its tasks and forgets it; its offsets stay for one of the same name',
    params: nameParams,
    answers: { 204: { about: 'gone' } },
    handle: async ({ worker }, { params: { name } }) => {
      entryOf(worker, name);
      await worker.remove(name);
      return { status: 204 };
    },
  }),
  route({
    ...{ method: 'GET', path: '/connectors/{name}/config', operationId: 'getConfig', tag },
    about: 'its configuration',
    params: nameParams,
    answers: { 200: { about: 'settings', schema: configSchema } },
    handle: ({ worker }, { params: { name } }) => ({ status: 200, body: shown(entryOf(worker, name).config) }),
  }),
  route({
    ...{ method: 'PUT', path: '/connectors/{name}/config', operationId: 'putConfig', tag },
    about: 'configures it anew, or makes it; a secret that is sent back as [hidden] stays as it was',
    params: nameParams,
    body: configInputSchema,
    answers: { 200: { about: 'configured', schema: infoSchema }, 201: { about: 'made', schema: infoSchema } },
    handle: async (context, { params: { name }, body }) => {
      const isKnown = context.worker.configs.get(name) !== undefined;
      await configure(context, name, textsOf(tableOf(body), 'the body'));
      return { status: isKnown ? 200 : 201, body: infoOf(context.worker, name) };
    },
  }),
  route({
    ...{ method: 'PATCH', path: '/connectors/{name}/config', operationId: 'patchConfig', tag },
    about: 'changes settings of it',
    params: nameParams,
    body: configPatchSchema,
    answers: { 200: { about: 'configured', schema: infoSchema } },
    handle: async (context, { params: { name }, body }) => {
      const existing = entryOf(context.worker, name).config;
      const patch = Object.entries(tableOf(body));
      const removed = new Set(patch.filter(([, value]) => value === null).map(([key]) => key));
      const kept = Object.entries(existing).filter(([key]) => !removed.has(key));
      const changed = textsOf(Object.fromEntries(patch), 'the body');
      await configure(context, name, { ...Object.fromEntries(kept), ...changed });
      return { status: 200, body: infoOf(context.worker, name) };
    },
  }),
  route({
    ...{ method: 'GET', path: '/connectors/{name}/topics', operationId: 'getTopics', tag },
    about: 'topics that its tasks have taken records from, or written to',
    params: nameParams,
    answers: { 200: { about: 'topics', schema: topicsSchema } },
    handle: ({ worker }, { params: { name } }) => {
      entryOf(worker, name);
      return { status: 200, body: { [name]: { topics: worker.topicsOf(name) } } };
    },
  }),
  route({
    ...{ method: 'PUT', path: '/connectors/{name}/topics/reset', operationId: 'resetTopics', tag },
    about: 'forgets those topics; tasks tell of each again when they begin anew',
    params: nameParams,
    answers: { 200: { about: 'forgotten' } },
    handle: async ({ worker }, { params: { name } }) => {
      entryOf(worker, name);
      await worker.forgetTopics(name);
      return { status: 200 };
    },
  }),
];

function listOf(worker: Worker, expanded: readonly string[]): unknown {
  const names = worker.configs.names();
  if (expanded.length === 0) return names;
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        ...(expanded.includes('info') && { info: infoOf(worker, name) }),
        ...(expanded.includes('status') && { status: statusOf(worker, name) }),
      },
    ]),
  );
}

async function create({ worker, registryUrl }: RestContext, body: unknown) {
  const config = connectorOf(body, 'the body');
  const given = body as { name?: unknown; config?: { name?: unknown } | null; initial_state?: unknown };
  const name = config.name ?? '';
  if (typeof given.config?.name === 'string' && given.name !== undefined && given.config.name !== given.name)
    throw new RestError(400, "Connector name configuration doesn't match connector name in the URL");
  const state = TARGET_STATES.find((one) => one === (given.initial_state ?? 'STARTED'));
  if (state === undefined) throw new RestError(400, `initial_state must be one of ${TARGET_STATES.join(', ')}`);
  const refuseKnown = () => {
    throw new RestError(409, `Connector ${name} already exists`);
  };
  if (worker.configs.get(name) !== undefined) refuseKnown();
  await refuseFaults(config, registryUrl);
  refuseTooMany(worker, name);
  const isFirst = await worker.create(name, config, given.initial_state === undefined ? undefined : state);
  if (!isFirst) refuseKnown();
  return { status: 201, location: `/connectors/${encodeURIComponent(name)}`, body: infoOf(worker, name) };
}

async function configure({ worker, registryUrl }: RestContext, name: string, given: RawConfig): Promise<void> {
  if (given.name !== undefined && given.name !== name)
    throw new RestError(
      400,
      `Connector name configuration (${given.name}) doesn't match connector name in the URL (${name})`,
    );
  const config = unhidden({ ...given, name }, worker.configs.get(name)?.config);
  await refuseFaults(config, registryUrl);
  refuseTooMany(worker, name);
  await worker.put(name, config);
}

async function refuseFaults(config: RawConfig, registryUrl: string): Promise<void> {
  const { faults } = await checkWithRegistry(config, registryUrl);
  if (faults.size > 0) throw new RestError(400, refusalText(faults));
}

function refuseTooMany(worker: Worker, name: string): void {
  if (worker.configs.get(name) === undefined && worker.configs.size >= CONNECTORS_LIMIT)
    throw new RestError(
      409,
      `There are ${CONNECTORS_LIMIT} connectors already, the most that one group of workers has`,
    );
}
