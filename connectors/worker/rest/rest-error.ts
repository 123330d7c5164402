import { messageOf, PlatformError } from '../../../common/errors.ts';
import { AccessRefused } from '../../../common/http/access.ts';
import type { HttpAnswer } from '../../../common/http/http-port.ts';

/** An error with the status that Kafka Connect answers for it. */
export class RestError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What a request that failed is answered with, in the shape of Kafka Connect. */
export function errorAnswer(error: unknown): HttpAnswer {
  const { status, message } = asRestError(error);
  return { status, type: 'application/json', body: JSON.stringify({ error_code: status, message }) };
}

export function asRestError(error: unknown): RestError {
  if (error instanceof RestError) return error;
  if (error instanceof AccessRefused) return new RestError(error.status, error.message);
  const { statusCode } = error as { statusCode?: unknown };
  // The web framework's own: a body that is too large, of an unknown type, or no JSON.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new RestError(statusCode, messageOf(error));
  if (error instanceof PlatformError) {
    // KAFKA_REFUSED: what small changes have made too large for a record.
    if (error.code === 'CONFIG_INVALID' || error.code === 'KAFKA_REFUSED') return new RestError(400, error.message);
    return new RestError(error.retriable ? 503 : 500, `${error.code}: ${error.message}`);
  }
  return new RestError(500, 'a fault in the worker');
}
