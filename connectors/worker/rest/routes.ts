import type { FastifyInstance, FastifyReply } from 'fastify';
import { connectorClassOf } from '../../config/connector-classes.ts';
import { connectorOf, textsOf } from '../../config/connector-file.ts';
import type { RawConfig } from '../../config/definition.ts';
import { TARGET_STATES } from '../connector-configs.ts';
import { shown, unhidden } from '../secrets.ts';
import type { Worker } from '../worker.ts';
import { RestError } from './rest-error.ts';
import { checkWithRegistry, definitionsOf, plugins, refusalText, validationAnswer } from './validation.ts';

export interface RestContext {
  readonly worker: Worker;
  readonly registryUrl: string;
  readonly kafkaClusterId: () => Promise<string>;
}

const VERSION = '0.1.0';

interface Named {
  readonly Params: { readonly name: string };
}
interface NamedTask {
  readonly Params: { readonly name: string; readonly task: string };
}

/** The REST interface of Kafka Connect. */
export function routes(app: FastifyInstance, context: RestContext): void {
  app.get('/', async () => ({ version: VERSION, commit: 'zeelos', kafka_cluster_id: await context.kafkaClusterId() }));
  app.get('/health', async () => ({
    status: 'healthy',
    message: 'Worker has completed startup and is ready to handle requests.',
  }));
  connectorRoutes(app, context);
  stateRoutes(app, context.worker);
  taskRoutes(app, context.worker);
  pluginRoutes(app, context);
}

function connectorRoutes(app: FastifyInstance, { worker, registryUrl }: RestContext): void {
  app.get<{ Querystring: { expand?: string | string[] } }>('/connectors', async ({ query }) => {
    const expand = [query.expand ?? []].flat();
    const names = worker.configs.names();
    if (expand.length === 0) return names;
    return Object.fromEntries(
      names.map((name) => [
        name,
        {
          ...(expand.includes('info') && { info: infoOf(worker, name) }),
          ...(expand.includes('status') && { status: statusOf(worker, name) }),
        },
      ]),
    );
  });
  app.post('/connectors', async ({ body }, reply) => {
    const config = connectorOf(body, 'the body');
    const given = body as { name?: unknown; config?: { name?: unknown }; initial_state?: unknown };
    const name = config.name ?? '';
    if (given.config?.name !== undefined && given.name !== undefined && given.config.name !== given.name)
      throw new RestError(400, "Connector name configuration doesn't match connector name in the URL");
    const state = TARGET_STATES.find((one) => one === (given.initial_state ?? 'STARTED'));
    if (state === undefined) throw new RestError(400, `initial_state must be one of ${TARGET_STATES.join(', ')}`);
    if (worker.configs.get(name) !== undefined) throw new RestError(409, `Connector ${name} already exists`);
    await refuseFaults(config, registryUrl);
    if (given.initial_state !== undefined) await worker.putState(name, state);
    await worker.put(name, config);
    return reply
      .code(201)
      .header('location', `/connectors/${encodeURIComponent(name)}`)
      .send(infoOf(worker, name));
  });
  app.get<Named>('/connectors/:name', async ({ params: { name } }) => infoOf(worker, name));
  app.get<Named>('/connectors/:name/config', async ({ params: { name } }) => shown(entryOf(worker, name).config));
  app.put<Named>('/connectors/:name/config', async ({ params: { name }, body }, reply) => {
    const existing = worker.configs.get(name)?.config;
    await configure(worker, registryUrl, name, textsOf(tableOf(body), 'the body'));
    return reply.code(existing === undefined ? 201 : 200).send(infoOf(worker, name));
  });
  app.patch<Named>('/connectors/:name/config', async ({ params: { name }, body }) => {
    const existing = entryOf(worker, name).config;
    const patch = Object.entries(tableOf(body));
    const removed = new Set(patch.filter(([, value]) => value === null).map(([key]) => key));
    const kept = Object.entries(existing).filter(([key]) => !removed.has(key));
    await configure(worker, registryUrl, name, {
      ...Object.fromEntries(kept),
      ...textsOf(Object.fromEntries(patch), 'the body'),
    });
    return infoOf(worker, name);
  });
  app.delete<Named>('/connectors/:name', async ({ params: { name } }, reply) => {
    entryOf(worker, name);
    await worker.remove(name);
    return await empty(reply, 204);
  });
  app.get<Named>('/connectors/:name/topics', async ({ params: { name } }) => {
    entryOf(worker, name);
    return { [name]: { topics: worker.topicsOf(name) } };
  });
  app.put<Named>('/connectors/:name/topics/reset', async ({ params: { name } }, reply) => {
    entryOf(worker, name);
    await worker.forgetTopics(name);
    return await empty(reply, 200);
  });
}

async function configure(worker: Worker, registryUrl: string, name: string, given: RawConfig): Promise<void> {
  if (given.name !== undefined && given.name !== name)
    throw new RestError(
      400,
      `Connector name configuration (${given.name}) doesn't match connector name in the URL (${name})`,
    );
  const config = unhidden({ ...given, name }, worker.configs.get(name)?.config);
  await refuseFaults(config, registryUrl);
  await worker.put(name, config);
}

async function refuseFaults(config: RawConfig, registryUrl: string): Promise<void> {
  const { faults } = await checkWithRegistry(config, registryUrl);
  if (faults.size > 0) throw new RestError(400, refusalText(faults));
}

function stateRoutes(app: FastifyInstance, worker: Worker): void {
  app.get<Named>('/connectors/:name/status', async ({ params: { name } }) => statusOf(worker, name));
  for (const [verb, state, code] of [
    ['pause', 'PAUSED', 202],
    ['resume', 'STARTED', 202],
    ['stop', 'STOPPED', 204],
  ] as const)
    app.put<Named>(`/connectors/:name/${verb}`, async ({ params: { name } }, reply) => {
      entryOf(worker, name);
      await worker.putState(name, state);
      return await empty(reply, code);
    });
  app.post<Named & { Querystring: { includeTasks?: string; onlyFailed?: string } }>(
    '/connectors/:name/restart',
    async ({ params: { name }, query }, reply) => {
      entryOf(worker, name);
      const [includeTasks, onlyFailed] = [query.includeTasks === 'true', query.onlyFailed === 'true'];
      const numbers = taskNumbers(worker, name);
      const chosen = numbers.filter((number) => !onlyFailed || worker.status(name, number).state === 'FAILED');
      if (includeTasks) await worker.restart(name, chosen);
      if (!includeTasks && !onlyFailed) return await empty(reply, 204);
      return reply.code(202).send(statusOf(worker, name));
    },
  );
}

function taskRoutes(app: FastifyInstance, worker: Worker): void {
  app.get<Named>('/connectors/:name/tasks', async ({ params: { name } }) => {
    const { config } = entryOf(worker, name);
    return taskNumbers(worker, name).map((task) => ({ id: { connector: name, task }, config: shown(config) }));
  });
  app.get<NamedTask>('/connectors/:name/tasks/:task/status', async ({ params }) => {
    const number = taskOf(worker, params);
    return { id: number, ...worker.status(params.name, number) };
  });
  app.post<NamedTask>('/connectors/:name/tasks/:task/restart', async ({ params }, reply) => {
    await worker.restart(params.name, [taskOf(worker, params)]);
    return await empty(reply, 204);
  });
}

function pluginRoutes(app: FastifyInstance, { registryUrl }: RestContext): void {
  app.get('/connector-plugins', async () => plugins(VERSION));
  app.get<Named>('/connector-plugins/:name/config', async ({ params: { name } }) =>
    definitionsOf(pluginOf(name).row.table),
  );
  app.put<Named>('/connector-plugins/:name/config/validate', async ({ params: { name }, body }) => {
    const { className } = pluginOf(name);
    const config = textsOf(tableOf(body), 'the body');
    const given = connectorClassOf(config['connector.class']);
    if (given !== undefined && given.className !== className)
      throw new RestError(
        400,
        `Included connector type ${config['connector.class']} does not match request type ${name}`,
      );
    const checked = await checkWithRegistry({ 'connector.class': className, ...config }, registryUrl);
    return validationAnswer(className, config, checked);
  });
}

function pluginOf(name: string) {
  const found = connectorClassOf(name);
  if (found === undefined) throw new RestError(404, `Unknown plugin ${name}`);
  return found;
}

function entryOf(worker: Worker, name: string) {
  const entry = worker.configs.get(name);
  if (entry === undefined) throw new RestError(404, `Connector ${name} not found`);
  return entry;
}

function taskNumbers(worker: Worker, name: string): readonly number[] {
  return Array.from({ length: worker.taskCount(name) }, (_, number) => number);
}

function taskOf(worker: Worker, { name, task }: NamedTask['Params']): number {
  entryOf(worker, name);
  const number = /^\d{1,4}$/.test(task) ? Number(task) : -1;
  if (number < 0 || number >= worker.taskCount(name)) throw new RestError(404, `Unknown task: ${name}-${task}`);
  return number;
}

function typeOf(config: RawConfig): string {
  return connectorClassOf(config['connector.class'])?.row.type ?? 'unknown';
}

function infoOf(worker: Worker, name: string): object {
  const { config } = entryOf(worker, name);
  const tasks = taskNumbers(worker, name).map((task) => ({ connector: name, task }));
  return { name, config: shown(config), tasks, type: typeOf(config) };
}

function statusOf(worker: Worker, name: string): object {
  const entry = worker.configs.get(name);
  if (entry === undefined) throw new RestError(404, `No status found for connector ${name}`);
  const tasks = taskNumbers(worker, name).map((id) => ({ id, ...worker.status(name, id) }));
  return { name, connector: worker.status(name, 'connector'), tasks, type: typeOf(entry.config) };
}

function tableOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new RestError(400, 'The body must be an object of settings');
  return body as Readonly<Record<string, unknown>>;
}

async function empty(reply: FastifyReply, status: number): Promise<FastifyReply> {
  return await reply.code(status).send();
}
