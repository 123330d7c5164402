import type { ObservedRequest } from '../../lwm2m/coap/endpoint.ts';
import { fetchRequest } from '../operation/composite.ts';
import { namePrefix, type Rooted, uriPath } from '../operation/node-paths.ts';
import type { Observation } from './observations.ts';

type Observed = Pick<Observation, 'lwm2mPath' | 'composite' | 'accept'>;

/** The request that an observation rests on: GET, or FETCH of several paths (RFC 8132 §2.4). Its cancellation must be the same. */
export function observedRequest(
  registration: Rooted,
  { lwm2mPath, composite, accept }: Observed,
): ObservedRequest & { readonly method: 'GET' | 'FETCH' } {
  const path = uriPath(registration, lwm2mPath);
  if (composite === undefined) return { method: 'GET', path, accept };
  return { ...fetchRequest(composite.paths, composite.contentFormat, namePrefix(registration)), path };
}

/** Where a record stands that tells of the observation as a whole: of a composite one at the root. */
export function recordPath({ composite, path }: Pick<Observation, 'composite' | 'path'>): string {
  return composite === undefined ? path : '/';
}
