import { messageOf, PlatformError } from '../../common/errors.ts';
import type { AvroResponseCode, AvroResponsePayload } from '../../schemas/generated/records.ts';

/** What a command came to: the code and body of its reply. */
export type Outcome = Pick<AvroResponsePayload, 'code' | 'body'>;

/** CoAP code by name (RFC 7252 §5.9, RFC 7959 §2.9.2). What is not here is UNKNOWN. */
const CODE_NAMES: Readonly<Record<string, AvroResponseCode>> = {
  '2.01': 'CREATED',
  '2.02': 'DELETED',
  '2.04': 'CHANGED',
  '2.05': 'CONTENT',
  '4.00': 'BAD_REQUEST',
  '4.01': 'UNAUTHORIZED',
  '4.03': 'FORBIDDEN',
  '4.04': 'NOT_FOUND',
  '4.05': 'METHOD_NOT_ALLOWED',
  '4.06': 'NOT_ACCEPTABLE',
  '4.08': 'REQUEST_ENTITY_INCOMPLETE',
  '4.12': 'PRECONDITION_FAILED',
  '4.13': 'REQUEST_ENTITY_TOO_LARGE',
  '4.15': 'UNSUPPORTED_CONTENT_FORMAT',
  '5.00': 'INTERNAL_SERVER_ERROR',
};

const GENERIC = 'io.zeelos.leshan.avro.response.AvroGenericResponse';

/** Diagnostic text of a device that goes into a reply at most. */
const DIAGNOSTIC_CHARACTERS = 500;

export function codeName(code: string): AvroResponseCode {
  return CODE_NAMES[code] ?? 'UNKNOWN';
}

export function isSuccess(code: string): boolean {
  return code.startsWith('2.');
}

/** An outcome in words; without a message it is the code's name. */
export function inWords(code: AvroResponseCode, message: string = code): Outcome {
  return { code, body: { [GENERIC]: { message } } };
}

/** What a device answered with an error code, with its diagnostic payload (RFC 7252 §5.5.2). */
export function deviceRefusal(code: string, payload: Buffer): Outcome {
  const diagnostic = payload.toString('utf8', 0, 4 * DIAGNOSTIC_CHARACTERS).slice(0, DIAGNOSTIC_CHARACTERS);
  const name = codeName(code);
  return inWords(name, diagnostic !== '' ? diagnostic : name === 'UNKNOWN' ? `UNKNOWN ${code}` : name);
}

/** Faults of the requester; everything else that is thrown is a failure on the way to the device or in its answer. */
const REQUESTER_FAULTS = new Set([
  'LWM2M_PATH',
  'LWM2M_REQUEST',
  'LWM2M_ATTRIBUTES',
  'LWM2M_CONTENT',
  'LWM2M_CONTENT_FORMAT',
]);

export function failure(error: unknown): Outcome {
  if (!(error instanceof PlatformError)) return inWords('INTERNAL_SERVER_ERROR', 'INTERNAL: a fault in the server');
  const message = `${error.code}: ${error.message}`;
  if (REQUESTER_FAULTS.has(error.code)) return inWords('BAD_REQUEST', message);
  if (error.code === 'LWM2M_NOT_REGISTERED') return inWords('NOT_FOUND', error.message);
  return inWords('INTERNAL_SERVER_ERROR', message);
}

export function notRegistered(endpointName: string): PlatformError {
  return new PlatformError('LWM2M_NOT_REGISTERED', `No registration for this endpoint '${endpointName}'`);
}

/** An answer of the device that cannot be read: its fault, so never BAD_REQUEST. */
export function unreadableAnswer(error: unknown): Outcome {
  const code = error instanceof PlatformError ? error.code : 'INTERNAL';
  return inWords('INTERNAL_SERVER_ERROR', `${code}: the answer of the device cannot be read: ${messageOf(error)}`);
}
