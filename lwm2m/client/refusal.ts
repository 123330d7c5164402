import { type ErrorCode, PlatformError } from '../../common/errors.ts';
import type { ResponseToSend } from '../coap/endpoint.ts';

export type ErrorResponseCode = '4.00' | '4.01' | '4.04' | '4.05' | '4.06' | '4.15' | '5.00' | '5.01' | '5.03' | '5.04';

const RESPONSE_CODE = /^[45]\.\d\d$/;
/** A diagnostic payload is for people (RFC 7252 §5.5.2): one line is enough. */
const MAX_DIAGNOSTIC_CHARS = 160;

/** What bad requests are answered with when their error names no response code itself. */
const RESPONSE_CODES: Partial<Record<ErrorCode, ErrorResponseCode>> = {
  LWM2M_PATH: '4.04',
  LWM2M_TLV: '4.00',
  LWM2M_CONTENT: '4.00',
  LWM2M_CONTENT_FORMAT: '4.15',
  LWM2M_ATTRIBUTES: '4.00',
};

/** For the code of an object: answers the request with this response code and text. */
export function refusal(responseCode: ErrorResponseCode, message: string): PlatformError {
  return new PlatformError('LWM2M_REFUSED', message, { details: { responseCode } });
}

/**
 * The response code for anything thrown: `details.responseCode` of a PlatformError, whatever its error code, else the
 * table above. Undefined for a fault that nobody threw on purpose.
 */
export function responseCodeOf(error: unknown): string | undefined {
  if (!(error instanceof PlatformError)) return undefined;
  const { responseCode } = error.details;
  if (typeof responseCode === 'string' && RESPONSE_CODE.test(responseCode)) return responseCode;
  return RESPONSE_CODES[error.code];
}

/** The response to a request that failed: 5.00 without a word for a fault of our own. */
export function errorResponse(error: unknown): ResponseToSend {
  const code = responseCodeOf(error);
  if (code === undefined) return { code: '5.00' };
  return { code, payload: Buffer.from((error as PlatformError).message.slice(0, MAX_DIAGNOSTIC_CHARS)) };
}
