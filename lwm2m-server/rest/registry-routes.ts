import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { SchemaSnapshot } from '../../common/schema-registry.ts';
import type { RestContext } from './context.ts';
import { asPlatformError } from './problem.ts';

/** Media type of the Confluent API. */
const TYPE = 'application/vnd.schemaregistry.v1+json';

/** Codes of the Confluent API. */
const ERRORS = {
  noSubject: { status: 404, error_code: 40401, message: 'Subject not found.' },
  noVersion: { status: 404, error_code: 40402, message: 'Version not found.' },
  noSchema: { status: 404, error_code: 40403, message: 'Schema not found' },
  badVersion: { status: 422, error_code: 42202, message: 'The specified version is not a valid version id.' },
  readOnly: { status: 422, error_code: 42205, message: 'A read-only copy: register at the cloud registry.' },
} as const;

/** The snapshot holds one schema of a subject: the one this gateway writes with. */
const ONLY_VERSION = 1;

/** The schemas of this gateway under the read paths of the Confluent API: tools at the edge decode with the cloud out of reach. */
export async function registryRoutes(app: FastifyInstance, { snapshot }: RestContext): Promise<void> {
  app.addContentTypeParser(TYPE, { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  app.setErrorHandler((error, _request, reply) => {
    const { code, message } = asPlatformError(error);
    return answer(reply, code === 'HTTP_REQUEST' ? 400 : 500, { error_code: 50001, message });
  });
  app.get('/subjects', (_request, reply) => answer(reply, 200, Object.keys(snapshot.subjects)));
  app.get('/subjects/:subject/versions', (request, reply) =>
    idOf(snapshot, request.params) === undefined ? refuse(reply, 'noSubject') : answer(reply, 200, [ONLY_VERSION]),
  );
  app.get('/subjects/:subject/versions/:version', (request, reply) => {
    const found = versionOf(snapshot, request.params);
    return typeof found === 'string' ? refuse(reply, found) : answer(reply, 200, found);
  });
  app.get('/subjects/:subject/versions/:version/schema', (request, reply) => {
    const found = versionOf(snapshot, request.params);
    return typeof found === 'string' ? refuse(reply, found) : reply.type(TYPE).send(found.schema);
  });
  app.get('/schemas/ids/:id', (request, reply) => {
    const { id } = request.params as { id: string };
    const schema = /^\d{1,10}$/.test(id) ? schemaOf(snapshot, id) : undefined;
    return schema === undefined ? refuse(reply, 'noSchema') : answer(reply, 200, { schema });
  });
  app.get('/schemas/types', (_request, reply) => answer(reply, 200, ['AVRO']));
  app.get('/config', (_request, reply) => answer(reply, 200, { compatibilityLevel: 'BACKWARD_TRANSITIVE' }));
  app.post('/subjects/:subject', (request, reply) => {
    const found = lookUp(snapshot, request.params, request.body);
    return typeof found === 'string' ? refuse(reply, found) : answer(reply, 200, found);
  });
  for (const url of ['/subjects/*', '/config', '/config/*']) {
    app.route({ method: ['POST', 'PUT', 'DELETE'], url, handler: (_request, reply) => refuse(reply, 'readOnly') });
  }
}

function answer(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply.code(status).type(TYPE).send(JSON.stringify(body));
}

function refuse(reply: FastifyReply, error: keyof typeof ERRORS): FastifyReply {
  const { status, error_code, message } = ERRORS[error];
  return answer(reply, status, { error_code, message });
}

function idOf({ subjects }: SchemaSnapshot, parameters: unknown): number | undefined {
  const { subject } = parameters as { subject: string };
  return Object.hasOwn(subjects, subject) ? subjects[subject] : undefined;
}

function schemaOf({ schemas }: SchemaSnapshot, id: string): string | undefined {
  return Object.hasOwn(schemas, id) ? JSON.stringify(schemas[id]) : undefined;
}

function versionOf(snapshot: SchemaSnapshot, parameters: unknown) {
  const { subject, version } = parameters as { subject: string; version: string };
  const id = idOf(snapshot, parameters);
  if (id === undefined) return 'noSubject';
  if (!/^(latest|-1|[1-9]\d{0,9})$/.test(version)) return 'badVersion';
  if (version !== 'latest' && version !== '-1' && Number(version) !== ONLY_VERSION) return 'noVersion';
  const schema = schemaOf(snapshot, String(id));
  return schema === undefined ? 'noVersion' : { subject, version: ONLY_VERSION, id, schema };
}

/** Under which id a schema stands, for producers that bring their own copy. */
function lookUp(snapshot: SchemaSnapshot, parameters: unknown, body: unknown) {
  const current = versionOf(snapshot, { ...(parameters as object), version: 'latest' });
  if (typeof current === 'string') return current;
  const { schema } = (body ?? {}) as { schema?: unknown };
  return sameJson(schema, current.schema) ? current : 'noSchema';
}

function sameJson(one: unknown, other: string): boolean {
  try {
    return typeof one === 'string' && isDeepStrictEqual(JSON.parse(one), JSON.parse(other));
  } catch {
    return false;
  }
}
