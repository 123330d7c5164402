import { z } from 'zod';
import { shown } from '../secrets.ts';
import { entryOf, statusOf, taskNumbers, taskOf } from './answers.ts';
import { type ConnectRoute, route } from './connect-route.ts';
import { nameParams, statusSchema, taskParams, taskStatusSchema, tasksSchema } from './schemas.ts';

const tag = 'state';

/** Pause, resume, stop. */
const TARGETS = [
  ['pause', 'PAUSED', 202, 'pauses it: its tasks keep nothing open and take nothing'],
  ['resume', 'STARTED', 202, 'lets it go on where it stood'],
  ['stop', 'STOPPED', 204, 'ends its tasks, and keeps its configuration and its offsets'],
] as const;

export const STATE_ROUTES: readonly ConnectRoute[] = [
  route({
    ...{ method: 'GET', path: '/connectors/{name}/status', operationId: 'getStatus', tag },
    about: 'how it and its tasks do, whichever worker has them',
    params: nameParams,
    answers: { 200: { about: 'states', schema: statusSchema } },
    handle: ({ worker }, { params: { name } }) => ({ status: 200, body: statusOf(worker, name) }),
  }),
  ...TARGETS.map(([verb, state, status, about]) =>
    route({
      ...{ method: 'PUT', path: `/connectors/{name}/${verb}`, operationId: `${verb}Connector`, tag },
      about: `${about}; this holds through restarts`,
      params: nameParams,
      answers: { [status]: { about: 'wanted so from now on' } },
      handle: async ({ worker }, { params: { name } }) => {
        entryOf(worker, name);
        await worker.putState(name, state);
        return { status };
      },
    }),
  ),
  route({
    ...{ method: 'POST', path: '/connectors/{name}/restart', operationId: 'restartConnector', tag },
    about: 'with includeTasks, starts its tasks anew; a connector itself has nothing that runs',
    params: nameParams,
    query: z.object({
      includeTasks: z.string().optional().describe('true: its tasks too'),
      onlyFailed: z.string().optional().describe('true: only what is FAILED'),
    }),
    answers: { 202: { about: 'what was found', schema: statusSchema }, 204: { about: 'nothing to start' } },
    handle: async ({ worker }, { params: { name }, query }) => {
      entryOf(worker, name);
      const [includeTasks, onlyFailed] = [query.includeTasks === 'true', query.onlyFailed === 'true'];
      const numbers = taskNumbers(worker, name);
      const chosen = numbers.filter((number) => !onlyFailed || worker.status(name, number).state === 'FAILED');
      if (includeTasks) await worker.restart(name, chosen);
      return includeTasks || onlyFailed ? { status: 202, body: statusOf(worker, name) } : { status: 204 };
    },
  }),
  route({
    ...{ method: 'GET', path: '/connectors/{name}/tasks', operationId: 'listTasks', tag },
    about: 'its tasks',
    params: nameParams,
    answers: { 200: { about: 'tasks', schema: tasksSchema } },
    handle: ({ worker }, { params: { name } }) => {
      const config = shown(entryOf(worker, name).config);
      return {
        status: 200,
        body: taskNumbers(worker, name).map((task) => ({ id: { connector: name, task }, config })),
      };
    },
  }),
  route({
    ...{ method: 'GET', path: '/connectors/{name}/tasks/{task}/status', operationId: 'getTaskStatus', tag },
    about: 'how one task does',
    params: taskParams,
    answers: { 200: { about: 'state', schema: taskStatusSchema } },
    handle: ({ worker }, { params }) => {
      const id = taskOf(worker, params);
      return { status: 200, body: { id, ...worker.status(params.name, id) } };
    },
  }),
  route({
    ...{ method: 'POST', path: '/connectors/{name}/tasks/{task}/restart', operationId: 'restartTask', tag },
    about: 'starts one task anew',
    params: taskParams,
    answers: { 204: { about: 'wanted so' } },
    handle: async ({ worker }, { params }) => {
      await worker.restart(params.name, [taskOf(worker, params)]);
      return { status: 204 };
    },
  }),
];
