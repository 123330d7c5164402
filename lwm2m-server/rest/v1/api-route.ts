import type { ZodObject, ZodType, z } from 'zod';
import type { DescribedRoute } from '../../../common/http/openapi.ts';
import type { RestContext } from '../context.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiRequest<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One route of the versioned interface: what is served and what OpenAPI says of it come from the same description. */
export interface ApiRoute extends DescribedRoute {
  readonly bodyLimitBytes?: number;
  handle(context: RestContext, request: ApiRequest<never, never, never>): Promise<ApiAnswer> | ApiAnswer;
}

type Read<T> = T extends ZodType ? z.output<T> : undefined;

/** Checks that the handler takes what the schemas give. */
export function route<
  P extends ZodObject | undefined = undefined,
  Q extends ZodObject | undefined = undefined,
  B extends ZodType | undefined = undefined,
>(
  description: Omit<ApiRoute, 'params' | 'query' | 'body' | 'handle'> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    handle(context: RestContext, request: ApiRequest<Read<P>, Read<Q>, Read<B>>): Promise<ApiAnswer> | ApiAnswer;
  },
): ApiRoute {
  return description as unknown as ApiRoute;
}
