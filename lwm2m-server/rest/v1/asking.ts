import { PlatformError } from '../../../common/errors.ts';
import type { AnswerDescription } from '../../../common/http/openapi.ts';
import type { ModelLookup } from '../../../lwm2m/model/object-models.ts';
import type { AvroRequestPayload, AvroResponseCode } from '../../../schemas/generated/records.ts';
import { registrationModels } from '../../models/registration-models.ts';
import type { Registration } from '../../registration/registration.ts';
import type { RestContext } from '../context.ts';
import type { CommandReply } from '../device-operations.ts';
import { detailOf, isSuccess, messageOfReply } from '../legacy/legacy-answers.ts';
import { HttpError, statusOf } from '../problem.ts';
import type { ApiAnswer } from './api-route.ts';
import { waitingSchema } from './schemas.ts';

/** HTTP status of what a device refuses; what says nothing to an HTTP client is a bad gateway. */
const DEVICE_STATUS: Partial<Record<AvroResponseCode, number>> = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 403,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  PRECONDITION_FAILED: 412,
  REQUEST_ENTITY_TOO_LARGE: 413,
  UNSUPPORTED_CONTENT_FORMAT: 415,
};
const BAD_GATEWAY = 502;

export interface AskOptions {
  readonly timeoutMs?: number | undefined;
  readonly queue?: boolean | undefined;
  readonly expiresAt?: string | undefined;
  readonly coalesce?: boolean | undefined;
  /** Nothing is asked of the device: it may be away. */
  readonly isForServer?: boolean;
}

export const WAITS: AnswerDescription = { about: 'the command waits for the device', schema: waitingSchema };

export function deviceOf({ registrations }: RestContext, endpoint: string): Registration {
  const registration = registrations.byEndpointName(endpoint);
  if (registration !== undefined) return registration;
  throw new PlatformError('LWM2M_NOT_REGISTERED', `no device '${endpoint}' is registered`);
}

/** The models for what is written to a device: those of its registration, or all while it is away. */
export function modelsFor({ registrations, models }: RestContext, endpoint: string): ModelLookup {
  const registration = registrations.byEndpointName(endpoint);
  return registration === undefined ? models : registrationModels(models, registration);
}

/** Hands a command to its device's queue and answers with what the device said. */
export async function ask(
  context: RestContext,
  endpointName: string,
  payload: AvroRequestPayload,
  options: AskOptions,
  answer: (reply: CommandReply) => ApiAnswer,
): Promise<ApiAnswer> {
  const { timeoutMs, queue, expiresAt, coalesce } = options;
  if (queue !== true && options.isForServer !== true) deviceOf(context, endpointName);
  const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt);
  const command = { endpointName, payload, timeoutMs, queue, expiresAtMs, coalesce };
  const { ticket, waits, reply } = await context.operations.submit(command);
  if (waits) {
    const location = `/api/v1/devices/${encodeURIComponent(endpointName)}/queue/${ticket}`;
    return { status: 202, body: { ticket, state: 'waiting' }, headers: { location } };
  }
  const answered = await reply;
  if (answered === undefined)
    throw new PlatformError('SHUTTING_DOWN', `the server stops; command ${ticket} goes on after`);
  throwFailure(answered);
  return answer(answered);
}

/** Throws when there is no answer of the device, or a refusal. */
function throwFailure(reply: CommandReply): void {
  const { rep, failure } = reply;
  if (failure !== undefined) throw new HttpError(statusOf(failure), failure, detailOf(reply));
  if (isSuccess(rep)) return;
  const status = DEVICE_STATUS[rep.code] ?? BAD_GATEWAY;
  throw new HttpError(status, 'LWM2M_REFUSED', `the device answered ${rep.code}`, {
    code: rep.code,
    message: messageOfReply(rep),
  });
}
