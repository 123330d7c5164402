import type { AvroRequest } from '../../schemas/generated/records.ts';
import { compositeKey, parseCompositePaths } from '../operation/composite.ts';
import { formatFor } from '../operation/content-negotiation.ts';
import { bodyOf } from '../operation/plain-requests.ts';
import type { Registration } from '../registration/registration.ts';
import type { CompositeTarget, Observations } from './observations.ts';

const COMPOSITE_BODY = 'io.zeelos.leshan.avro.request.AvroObserveCompositeRequest';

export interface ObserveTarget {
  readonly path: string;
  readonly ticket: string;
  readonly accept?: number | undefined;
  /** Several paths in one relation; the path is not looked at then. */
  readonly composite?: CompositeTarget | undefined;
}

/** What an observe or observeComposite asks for. Throws LWM2M_REQUEST, LWM2M_PATH. */
export function observeTarget({ ticket, payload }: AvroRequest, registration: Registration): ObserveTarget {
  const { kind, path, contentFormat } = payload;
  if (kind === 'observe') return { path, ticket, accept: formatFor(contentFormat, registration, 'read') };
  const paths = parseCompositePaths(bodyOf(payload, COMPOSITE_BODY).paths);
  return { path, ticket, composite: { paths, contentFormat: formatFor(contentFormat, registration, 'composite') } };
}

/**
 * The path of the observation that an observeCancel means. A composite one is named by its paths in the body, or, on the root, by
 * the ticket that it was asked with. Throws LWM2M_REQUEST, LWM2M_PATH.
 */
export function cancelledPath({ ep, ticket, payload }: AvroRequest, observations: Observations): string {
  const body = payload.body;
  if (body != null && COMPOSITE_BODY in body) return compositeKey(parseCompositePaths(body[COMPOSITE_BODY].paths));
  if (payload.path !== '/') return payload.path;
  const held = observations.allOf(ep).find((one) => one.composite !== undefined && one.ticket === ticket);
  return held?.path ?? payload.path;
}
