import assert from 'node:assert/strict';
import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { content?: Record<string, { schema?: object }> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

export interface Answer<T = never> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** How an interface is laid out. */
export interface JudgedApi {
  /** In front of all paths. */
  readonly prefix: string;
  /** Content type of what goes wrong. */
  readonly failureType: string;
}

const SERVER_API: JudgedApi = { prefix: '/api/v1', failureType: 'application/problem+json' };

/** Calls routes of an interface and judges each answer by the OpenAPI document that it gives out. */
export class ApiJudge {
  readonly document: Document;
  /** Operations that were answered as they are meant to be. */
  readonly succeeded = new Set<string>();
  readonly #base: string;
  readonly #api: JudgedApi;
  readonly #ajv: Ajv2020;

  private constructor(base: string, document: Document, api: JudgedApi) {
    this.#base = base;
    this.#api = api;
    this.document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    (formats as unknown as (ajv: Ajv2020) => void)(this.#ajv);
    this.#ajv.addSchema({ $id: 'doc', components: document.components });
  }

  static async of(base: string, api: JudgedApi = SERVER_API): Promise<ApiJudge> {
    const answer = await fetch(`${base}${api.prefix}/openapi.json`);
    assert.equal(answer.status, 200);
    return new ApiJudge(base, (await answer.json()) as Document, api);
  }

  get operations(): string[] {
    return Object.values(this.document.paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
  }

  /** @param template as the document has it, `{name}` filled in from `parameters` */
  async call<T = never>(
    method: string,
    template: string,
    parameters: Record<string, string> = {},
    o: { readonly body?: unknown; readonly type?: string; readonly query?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parameters[name]!));
    const query = o.query === undefined ? '' : `?${new URLSearchParams(o.query)}`;
    const body = o.body === undefined ? undefined : typeof o.body === 'string' ? o.body : JSON.stringify(o.body);
    const headers = body === undefined ? {} : { 'content-type': o.type ?? 'application/json' };
    const answer = await fetch(`${this.#base}${this.#api.prefix}${path}${query}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    const read = text === '' ? undefined : (JSON.parse(text) as unknown);
    this.#judge(method, template, answer, read);
    return { status: answer.status, headers: answer.headers, body: read as T };
  }

  #judge(method: string, template: string, answer: Response, body: unknown): void {
    const operation = this.document.paths[`${this.#api.prefix}${template}`]?.[method.toLowerCase()];
    assert.ok(operation, `${method} ${template} is not in the document`);
    const type = answer.headers.get('content-type')?.split(';')[0];
    const described = operation.responses[String(answer.status)] ?? operation.responses.default!;
    const where = `${operation.operationId} ${answer.status}: ${JSON.stringify(body)?.slice(0, 500)}`;
    if (described.content === undefined) assert.equal(body, undefined, where);
    else {
      const schema = described.content[type!]?.schema;
      assert.ok(schema, `${where}: ${type} is not described`);
      const judge = this.#compiled(schema);
      assert.ok(judge(body), `${where}: ${this.#ajv.errorsText(judge.errors)}`);
    }
    if (answer.ok) this.succeeded.add(operation.operationId);
    else assert.equal(type, this.#api.failureType, where);
  }

  #compiled(schema: object): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"doc#/components');
    return this.#ajv.compile(JSON.parse(text) as object);
  }
}
