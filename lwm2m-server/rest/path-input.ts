import { PlatformError } from '../../common/errors.ts';
import { type Lwm2mPath, parsePath } from '../../lwm2m/path.ts';

/** The segments of a URL behind a prefix of so many, as they were sent. */
export function rawSegments(url: string, skip: number): string[] {
  const path = url.split('?', 1)[0]!;
  const segments = path.split('/').slice(1 + skip);
  // One slash at the end is a habit, not a segment.
  if (segments.at(-1) === '') segments.pop();
  return segments;
}

/** Ids need no escapes: what is escaped reads differently to whoever filters URLs before us. Throws LWM2M_PATH. */
export function lwm2mPath(segments: readonly string[]): Lwm2mPath {
  if (segments.some((segment) => segment.includes('%')))
    throw new PlatformError('LWM2M_PATH', 'a path is written without escapes');
  return parsePath(`/${segments.join('/')}`);
}
