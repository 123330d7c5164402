import { ERROR_CODES, type ErrorCode, messageOf, PlatformError } from '../../common/errors.ts';
import { AccessRefused } from '../../common/http/access.ts';
import type { HttpAnswer } from '../../common/http/http-port.ts';

/** RFC 9457: what went wrong, for programs (`code`, `retriable`) and people (`title`, `detail`). */
export interface Problem {
  /** Where the code is explained. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retriable: boolean;
  /** What the device answered, where it was the device that refused. */
  readonly device?: { readonly code: string; readonly message: string };
}

export const PROBLEM_TYPE = 'application/problem+json';

/** HTTP status of codes that a request can meet. Of any other: 503 when it may pass by itself, else a fault of ours. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  HTTP_ACCESS: 403,
  HTTP_REQUEST: 400,
  LWM2M_PATH: 400,
  LWM2M_REQUEST: 400,
  LWM2M_ATTRIBUTES: 400,
  LWM2M_CONTENT: 400,
  LWM2M_CONTENT_FORMAT: 400,
  LWM2M_MODEL: 400,
  LWM2M_NOT_REGISTERED: 404,
  COAP_QUEUE_FULL: 429,
  COAP_TOO_LARGE: 413,
  COAP_TIMEOUT: 504,
  COAP_RESET: 502,
  COAP_BLOCK_FAILED: 502,
  KAFKA_REFUSED: 503,
};

export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? (ERROR_CODES[code].retriable ? 503 : 500);
}

/** An error that a request is answered with, with a status of its own. */
export class HttpError extends PlatformError {
  readonly status: number;
  readonly device: Problem['device'];

  constructor(status: number, code: ErrorCode, message: string, device?: Problem['device']) {
    super(code, message);
    this.status = status;
    this.device = device;
  }
}

export function notFound(what: string): HttpError {
  return new HttpError(404, 'HTTP_REQUEST', `${what} is not here`);
}

/** What a request that failed is answered with. The text of an unknown error stays inside. */
export function problemOf(error: unknown): Problem {
  const known = asPlatformError(error);
  const hasStatus = known instanceof HttpError || known instanceof AccessRefused;
  const status = hasStatus ? known.status : statusOf(known.code);
  const device = known instanceof HttpError ? known.device : undefined;
  return {
    type: `/api/v1/errors#${known.code}`,
    title: ERROR_CODES[known.code].meaning,
    status,
    detail: known.message,
    code: known.code,
    retriable: known.retriable,
    ...(device === undefined ? {} : { device }),
  };
}

/** A problem as an answer. */
export function problemAnswer(error: unknown): HttpAnswer {
  const problem = problemOf(error);
  return { status: problem.status, type: PROBLEM_TYPE, body: JSON.stringify(problem) };
}

export function asPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const { statusCode } = error as { statusCode?: unknown };
  // The web framework's own: a body that is too large, of an unknown type, or no JSON.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new HttpError(statusCode, 'HTTP_REQUEST', messageOf(error));
  return new PlatformError('INTERNAL', 'a fault in the server', { cause: error });
}
