import { z } from 'zod';
import { PROBLEM_TYPE } from '../problem.ts';
import type { AnswerDescription, ApiRoute } from './api-route.ts';
import { NAMED } from './schemas.ts';

type Json = Record<string, unknown>;

const ABOUT = [
  'Devices of one gateway. Operations go through the same queue of a device as the commands from Kafka, and their replies are',
  'recorded in the same topic. Without `--rest-token-file` the interface is for this machine alone.',
].join(' ');

/** The OpenAPI 3.1 document of these routes. */
export function openApiDocument(routes: readonly ApiRoute[], needsToken: boolean): Json {
  const paths: Record<string, Json> = {};
  for (const one of routes) {
    const url = `/api/v1${one.path}`;
    paths[url] = { ...paths[url], [one.method.toLowerCase()]: operationOf(one) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'zeelos LwM2M server', version: '1', description: ABOUT },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    ...(needsToken ? { security: [{ token: [] }] } : {}),
    paths,
    components: {
      schemas: namedSchemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(one: ApiRoute): Json {
  const { operationId, tag, about, body, bodyType = 'application/json' } = one;
  const parameters = [...parametersOf(one.params, 'path'), ...parametersOf(one.query, 'query')];
  const answers = Object.entries(one.answers).map(([status, answer]) => [status, answerOf(answer)] as const);
  const content = body === undefined ? undefined : { [bodyType]: { schema: schemaOf(body, 'input') } };
  return {
    operationId,
    tags: [tag],
    summary: about,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(content === undefined ? {} : { requestBody: { required: !body!.isOptional(), content } }),
    responses: { ...Object.fromEntries(answers), default: problemAnswer },
  };
}

const problemAnswer = {
  description: 'what went wrong (RFC 9457)',
  content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
};

function answerOf({ about, schema, contentType = 'application/json' }: AnswerDescription): Json {
  if (schema === undefined && contentType === 'application/json') return { description: about };
  return {
    description: about,
    content: { [contentType]: schema === undefined ? {} : { schema: schemaOf(schema, 'output') } },
  };
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    const { description, ...rest } = schemaOf(field as z.ZodType, 'input');
    const required = !(field as z.ZodType).isOptional();
    return { name, in: place, required, ...(description === undefined ? {} : { description }), schema: rest };
  });
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const known = NAMED.get(schema);
  if (known !== undefined) return { $ref: `#/components/schemas/${known}` };
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function namedSchemas(): Json {
  const named = [...NAMED].map(([schema, name]) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: name.endsWith('Input') ? 'input' : 'output' });
    return [name, rest] as const;
  });
  return Object.fromEntries(named);
}
