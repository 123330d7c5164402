import { z } from 'zod';
import type { ObjectModel, ResourceModel } from '../../../lwm2m/model/object-models.ts';
import { notFound } from '../problem.ts';
import { type ApiRoute, route } from './api-route.ts';
import { modelListSchema, modelSchema } from './schemas.ts';

const TAG = 'models';
const XML_BYTES = 2 ** 20;

const params = z.object({
  id: z.coerce.number().int().min(0).max(65_535).describe('object id'),
  version: z
    .string()
    .regex(/^\d{1,3}\.\d{1,3}$/)
    .describe('such as 1.0'),
});

export const MODEL_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/models',
    operationId: 'listModels',
    tag: TAG,
    about: 'object models in use, by id, newest version first',
    answers: { 200: { about: 'models', schema: modelListSchema } },
    handle: ({ modelStore }) => {
      const models = modelStore.list().map(({ model, source }) => ({ ...headOf(model), source }));
      return { status: 200, body: { models } };
    },
  }),
  route({
    method: 'GET',
    path: '/models/{id}/{version}',
    operationId: 'getModel',
    tag: TAG,
    about: 'one object model',
    params,
    answers: { 200: { about: 'the model', schema: modelSchema } },
    handle: ({ models }, { params: { id, version } }) => {
      const model = models.versionsOf(id).find((one) => one.version === version);
      if (model === undefined) throw notFound(`model ${id} version ${version}`);
      return { status: 200, body: { ...headOf(model), resources: [...model.resources.values()].map(resourceJson) } };
    },
  }),
  route({
    method: 'POST',
    path: '/models',
    operationId: 'uploadModel',
    tag: TAG,
    about: 'upload an object definition in XML (DDF); it is in force at once and survives a restart',
    body: z.string().min(1),
    bodyType: 'application/xml',
    bodyLimitBytes: XML_BYTES,
    answers: { 201: { about: 'what it defines', schema: modelListSchema } },
    handle: async ({ modelStore }, { body }) => {
      const models = (await modelStore.upload(body)).map((model) => ({ ...headOf(model), source: 'uploaded' }));
      return { status: 201, body: { models } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/models/{id}/{version}',
    operationId: 'removeModel',
    tag: TAG,
    about: 'remove an uploaded model; a built-in one that it stood before comes back',
    params,
    answers: { 204: { about: 'removed' } },
    handle: async ({ modelStore }, { params: { id, version } }) => {
      if (!(await modelStore.remove(id, version))) throw notFound(`an uploaded model ${id} version ${version}`);
      return { status: 204 };
    },
  }),
];

function headOf({ id, name, version, multiple, mandatory, description }: ObjectModel) {
  return { id, name, version, multiple, mandatory, description };
}

function resourceJson(model: ResourceModel) {
  const { id, name, operations, multiple, mandatory, type, range, units, description } = model;
  const typed = type === undefined ? {} : { type };
  return { id, name, operations, multiple, mandatory, ...typed, range, units, description };
}
