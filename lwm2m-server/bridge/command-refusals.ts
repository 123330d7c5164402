import { type ErrorCode, messageOf } from '../../common/errors.ts';
import { inWords, type Outcome } from '../operation/outcome.ts';

/** A reply that the device has no part in, and why there is none of it; without a failure the command did what it should. */
export interface CommandRefusal {
  readonly outcome: Outcome;
  readonly failure: ErrorCode | undefined;
}

export const EXPIRED: CommandRefusal = {
  outcome: inWords('PRECONDITION_FAILED', 'EXPIRED: the command was not run'),
  failure: 'COMMAND_EXPIRED',
};

export const CANCELLED: CommandRefusal = {
  outcome: inWords('PRECONDITION_FAILED', 'CANCELLED: the command was not run'),
  failure: 'COMMAND_WITHDRAWN',
};

export const INTERRUPTED: CommandRefusal = {
  outcome: inWords(
    'INTERNAL_SERVER_ERROR',
    'INTERRUPTED: the server ended while this ran; whether the device did it is unknown',
  ),
  failure: 'COMMAND_INTERRUPTED',
};

export const QUEUE_FULL: CommandRefusal = {
  outcome: inWords('INTERNAL_SERVER_ERROR', 'COAP_QUEUE_FULL: too many commands wait for this device or in all'),
  failure: 'COAP_QUEUE_FULL',
};

export function coalesced(newerTicket: string): CommandRefusal {
  const message = `COALESCED: ${JSON.stringify(newerTicket)} took its place; the command was not run`;
  return { outcome: inWords('PRECONDITION_FAILED', message), failure: 'COMMAND_WITHDRAWN' };
}

export function notUnderstood(error: unknown): CommandRefusal {
  return { outcome: inWords('BAD_REQUEST', `LWM2M_REQUEST: ${messageOf(error)}`), failure: 'LWM2M_REQUEST' };
}

/** What came of a request to cancel another. */
export function cancelReply({
  cancelled,
  sent,
}: {
  readonly cancelled: number;
  readonly sent: boolean;
}): CommandRefusal {
  if (cancelled > 0) return { outcome: inWords('CHANGED', `CANCELLED: ${cancelled}`), failure: undefined };
  const outcome = sent
    ? inWords('PRECONDITION_FAILED', 'SENT: the device was asked already; its answer is the reply')
    : inWords('NOT_FOUND', 'no command waits for this device under the ticket');
  return { outcome, failure: 'LWM2M_REFUSED' };
}
