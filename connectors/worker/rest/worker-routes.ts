import { z } from 'zod';
import { connectorClassOf } from '../../config/connector-classes.ts';
import { textsOf } from '../../config/connector-file.ts';
import { checkWithRegistry } from '../registry-check.ts';
import { tableOf } from './answers.ts';
import { type ConnectRoute, route } from './connect-route.ts';
import { RestError } from './rest-error.ts';
import {
  configInputSchema,
  definitionsSchema,
  healthSchema,
  LEVELS,
  levelInputSchema,
  loggerSchema,
  loggersSchema,
  pluginParams,
  pluginsSchema,
  validationSchema,
  workerSchema,
} from './schemas.ts';
import { definitionsOf, plugins, validationAnswer } from './validation.ts';

const VERSION = '0.1.0';

const WORKER = 'worker';
const PLUGINS = 'plugins';

export const WORKER_ROUTES: readonly ConnectRoute[] = [
  route({
    ...{ method: 'GET', path: '/', operationId: 'getWorker', tag: WORKER },
    about: 'this worker and its Kafka',
    answers: { 200: { about: 'the worker', schema: workerSchema } },
    handle: async ({ kafkaClusterId }) => ({
      status: 200,
      body: { version: VERSION, commit: 'zeelos', kafka_cluster_id: await kafkaClusterId() },
    }),
  }),
  route({
    ...{ method: 'GET', path: '/health', operationId: 'getHealth', tag: WORKER },
    about: 'whether it knows its connectors; 503 before',
    answers: { 200: { about: 'it does', schema: healthSchema } },
    handle: () => ({
      status: 200,
      body: { status: 'healthy', message: 'Worker has completed startup and is ready to handle requests.' },
    }),
  }),
  route({
    ...{ method: 'GET', path: '/admin/loggers', operationId: 'listLoggers', tag: WORKER },
    about: 'the loggers of this worker: one',
    answers: { 200: { about: 'levels by name', schema: loggersSchema } },
    handle: ({ worker }) => ({ status: 200, body: { root: loggerOf(worker) } }),
  }),
  route({
    ...{ method: 'GET', path: '/admin/loggers/{logger}', operationId: 'getLogger', tag: WORKER },
    about: 'the level of a logger',
    params: z.object({ logger: z.string().describe('root') }),
    answers: { 200: { about: 'level', schema: loggerSchema } },
    handle: ({ worker }, { params: { logger } }) => {
      refuseOther(logger);
      return { status: 200, body: loggerOf(worker) };
    },
  }),
  route({
    ...{ method: 'PUT', path: '/admin/loggers/{logger}', operationId: 'setLogger', tag: WORKER },
    about: 'sets the level of this worker, until it ends',
    params: z.object({ logger: z.string().describe('root') }),
    query: z.object({ scope: z.string().optional().describe('worker; cluster is not there') }),
    body: levelInputSchema,
    answers: { 200: { about: 'loggers that changed', schema: z.array(z.string()) } },
    handle: ({ worker }, { params: { logger }, query: { scope = 'worker' }, body }) => {
      refuseOther(logger);
      if (scope !== 'worker') throw new RestError(400, `There is no scope ${scope}: each worker is asked for itself`);
      const level = String(tableOf(body).level ?? '').toUpperCase();
      if (!Object.hasOwn(LEVELS, level))
        throw new RestError(404, `There is no level ${level}, but ${Object.keys(LEVELS).join(', ')}`);
      worker.setLogLevel(LEVELS[level as keyof typeof LEVELS]);
      return { status: 200, body: [ROOT] };
    },
  }),
  route({
    ...{ method: 'GET', path: '/connector-plugins', operationId: 'listPlugins', tag: PLUGINS },
    about: 'the classes of connectors',
    answers: { 200: { about: 'classes', schema: pluginsSchema } },
    handle: () => ({ status: 200, body: plugins(VERSION) }),
  }),
  route({
    ...{ method: 'GET', path: '/connector-plugins/{name}/config', operationId: 'getPluginConfig', tag: PLUGINS },
    about: 'the settings of a class',
    params: pluginParams,
    answers: { 200: { about: 'settings', schema: definitionsSchema } },
    handle: (_context, { params: { name } }) => ({ status: 200, body: definitionsOf(pluginOf(name).row.table) }),
  }),
  route({
    ...{ method: 'PUT', path: '/connector-plugins/{name}/config/validate', operationId: 'validate', tag: PLUGINS },
    about: 'checks a configuration: all faults together, by setting',
    params: pluginParams,
    body: configInputSchema,
    answers: { 200: { about: 'settings with values and faults', schema: validationSchema } },
    handle: async ({ registryUrl }, { params: { name }, body }) => {
      const { className } = pluginOf(name);
      const config = textsOf(tableOf(body), 'the body');
      const given = connectorClassOf(config['connector.class']);
      if (given !== undefined && given.className !== className)
        throw new RestError(
          400,
          `Included connector type ${config['connector.class']} does not match request type ${name}`,
        );
      const checked = await checkWithRegistry({ 'connector.class': className, ...config }, registryUrl);
      return { status: 200, body: validationAnswer(className, config, checked) };
    },
  }),
];

const ROOT = 'root';

function loggerOf({ logLevel, logLevelSetAt }: { readonly logLevel: string; readonly logLevelSetAt: number | null }) {
  const known = Object.entries(LEVELS).find(([, level]) => level === logLevel);
  return { level: known?.[0] ?? 'INFO', last_modified: logLevelSetAt };
}

function refuseOther(logger: string): void {
  if (logger !== ROOT) throw new RestError(404, `There is no logger ${logger}, but ${ROOT}`);
}

function pluginOf(name: string) {
  const found = connectorClassOf(name);
  if (found === undefined) throw new RestError(404, `Unknown plugin ${name}`);
  return found;
}
