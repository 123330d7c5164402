import { type ZodObject, type ZodType, z } from 'zod';

type Json = Record<string, unknown>;

const JSON_TYPE = 'application/json';

export interface AnswerDescription {
  readonly about: string;
  /** Absent: no body. */
  readonly schema?: ZodType;
  readonly contentType?: string;
}

/** What OpenAPI says of a route. */
export interface DescribedRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the prefix of the interface, with `{name}` for parameters. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly about: string;
  readonly params?: ZodObject;
  readonly query?: ZodObject;
  readonly body?: ZodType;
  readonly bodyType?: 'application/json' | 'application/xml';
  readonly answers: Readonly<Record<number, AnswerDescription>>;
}

export interface ApiDescription {
  readonly title: string;
  readonly about: string;
  /** In front of all paths. */
  readonly prefix: string;
  readonly needsToken: boolean;
  /** Schemas that are shown under a name; a name that ends in Input is of what is sent. */
  readonly named: ReadonlyMap<ZodType, string>;
  /** Whatever is no answer of the route's own. */
  readonly failure: AnswerDescription;
}

/** The OpenAPI 3.1 document of these routes. */
export function openApiDocument(routes: readonly DescribedRoute[], api: ApiDescription): Json {
  const paths: Record<string, Json> = {};
  for (const one of routes) {
    const url = api.prefix + one.path;
    paths[url] = { ...paths[url], [one.method.toLowerCase()]: operationOf(one, api) };
  }
  return {
    openapi: '3.1.0',
    info: { title: api.title, version: '1', description: api.about },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    ...(api.needsToken ? { security: [{ token: [] }] } : {}),
    paths,
    components: {
      schemas: namedSchemas(api),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(one: DescribedRoute, api: ApiDescription): Json {
  const { operationId, tag, about, body, bodyType = JSON_TYPE } = one;
  const parameters = [...parametersOf(one.params, 'path', api), ...parametersOf(one.query, 'query', api)];
  const answers = Object.entries(one.answers).map(([status, answer]) => [status, answerOf(answer, api)] as const);
  const content = body === undefined ? undefined : { [bodyType]: { schema: schemaOf(body, 'input', api) } };
  return {
    operationId,
    tags: [tag],
    summary: about,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(content === undefined ? {} : { requestBody: { required: !body!.isOptional(), content } }),
    responses: { ...Object.fromEntries(answers), default: answerOf(api.failure, api) },
  };
}

function answerOf({ about, schema, contentType = JSON_TYPE }: AnswerDescription, api: ApiDescription): Json {
  if (schema === undefined && contentType === JSON_TYPE) return { description: about };
  return {
    description: about,
    content: { [contentType]: schema === undefined ? {} : { schema: schemaOf(schema, 'output', api) } },
  };
}

function parametersOf(schema: ZodObject | undefined, place: 'path' | 'query', api: ApiDescription): Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    const { description, ...rest } = schemaOf(field as ZodType, 'input', api);
    const required = !(field as ZodType).isOptional();
    return { name, in: place, required, ...(description === undefined ? {} : { description }), schema: rest };
  });
}

function schemaOf(schema: ZodType, io: 'input' | 'output', { named }: ApiDescription): Json {
  const known = named.get(schema);
  if (known !== undefined) return { $ref: `#/components/schemas/${known}` };
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function namedSchemas({ named }: ApiDescription): Json {
  const schemas = [...named].map(([schema, name]) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: name.endsWith('Input') ? 'input' : 'output' });
    return [name, rest] as const;
  });
  return Object.fromEntries(schemas);
}
