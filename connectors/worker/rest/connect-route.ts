import type { ZodObject, ZodType, z } from 'zod';
import type { DescribedRoute } from '../../../common/http/openapi.ts';
import type { ConnectorOffsets } from '../connector-offsets.ts';
import type { Worker } from '../worker.ts';

export interface RestContext {
  readonly worker: Worker;
  readonly offsets: ConnectorOffsets;
  readonly registryUrl: string;
  readonly needsToken: boolean;
  readonly kafkaClusterId: () => Promise<string>;
}

export interface ConnectAnswer {
  readonly status: number;
  /** Absent: no body. */
  readonly body?: unknown;
  readonly location?: string;
}

interface ConnectRequest<P, Q> {
  readonly params: P;
  readonly query: Q;
  /** As it came: what is wrong with settings is told as Kafka Connect tells it, all faults together. */
  readonly body: unknown;
}

/** One route: what is served and what OpenAPI says of it come from the same description. */
export interface ConnectRoute extends DescribedRoute {
  handle(context: RestContext, request: ConnectRequest<never, never>): Promise<ConnectAnswer> | ConnectAnswer;
}

type Read<T> = T extends ZodType ? z.output<T> : undefined;

/** Checks that the handler takes what the schemas give. */
export function route<P extends ZodObject | undefined = undefined, Q extends ZodObject | undefined = undefined>(
  description: Omit<DescribedRoute, 'params' | 'query'> & {
    readonly params?: P;
    readonly query?: Q;
    handle(context: RestContext, request: ConnectRequest<Read<P>, Read<Q>>): Promise<ConnectAnswer> | ConnectAnswer;
  },
): ConnectRoute {
  return description as unknown as ConnectRoute;
}
