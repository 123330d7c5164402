import { PlatformError } from '../../common/errors.ts';
import { formatPath, type Lwm2mPath } from '../path.ts';

/** Where a value was found, for the error that names it. */
export interface ValueSite {
  readonly path: Lwm2mPath;
  readonly offset?: number; // byte in the payload
}

/** LWM2M_CONTENT with path and offset. The value itself is never quoted: it may be a secret. */
export function contentFault(site: ValueSite, what: string): PlatformError {
  const path = formatPath(site.path);
  const at = site.offset === undefined ? path : `${path}, byte ${site.offset}`;
  const details = site.offset === undefined ? { path } : { path, offset: site.offset };
  return new PlatformError('LWM2M_CONTENT', `${at}: ${what}`, { details });
}
