import { PlatformError } from '../../common/errors.ts';
import type { OutgoingRequest } from '../../lwm2m/coap/endpoint.ts';
import { encodeComposite, encodePaths, type TimedNode } from '../../lwm2m/content/timed-content.ts';
import { formatPath, type Lwm2mPath, parsePath } from '../../lwm2m/path.ts';
import type { AvroCompositeNode } from '../../schemas/generated/records.ts';
import { nodeFromAvro } from '../bridge/avro-nodes.ts';
import { assertNodeIsAt } from './node-paths.ts';

/** Paths that one composite operation may name. */
export const MAX_COMPOSITE_PATHS = 200;

type WithoutPath = Omit<OutgoingRequest, 'path'>;
type FetchRequest = WithoutPath & { readonly method: 'FETCH' };

/** Throws LWM2M_REQUEST for none, too many or repeated ones, LWM2M_PATH. */
export function parseCompositePaths(texts: readonly string[]): Lwm2mPath[] {
  assertCount(texts.length);
  const paths = texts.map(parsePath);
  const seen = new Set<string>();
  for (const path of paths) {
    const text = formatPath(path);
    if (seen.has(text)) throw new PlatformError('LWM2M_REQUEST', `${text} stands twice`);
    seen.add(text);
  }
  return paths;
}

/** One text for the same paths in whatever order; a comma, also behind a single path, tells it from a path. */
export function compositeKey(paths: readonly Lwm2mPath[]): string {
  return `${paths.map(formatPath).sort().join(',')}${paths.length === 1 ? ',' : ''}`;
}

export function isCompositeKey(text: string): boolean {
  return text.includes(',');
}

/**
 * Read-Composite, and with Observe the request of Observe-Composite: FETCH on the root.
 * @param prefix what stands before the names of values on this device
 */
export function fetchRequest(paths: readonly Lwm2mPath[], contentFormat: number, prefix: string): FetchRequest {
  const payload = encodePaths(contentFormat, paths, prefix);
  return { method: 'FETCH', contentFormat, accept: contentFormat, payload };
}

/** Write-Composite. Throws LWM2M_REQUEST, LWM2M_PATH, LWM2M_CONTENT, LWM2M_CONTENT_FORMAT. */
export function writeCompositeRequest(
  nodes: readonly AvroCompositeNode[],
  contentFormat: number,
  prefix: string,
): WithoutPath {
  assertCount(nodes.length);
  const values = nodes.map((node): TimedNode => {
    const path = parsePath(node.path);
    const content = nodeFromAvro(node.content);
    assertNodeIsAt(content, path);
    return { path, timestampMs: undefined, node: content };
  });
  return { method: 'iPATCH', contentFormat, payload: encodeComposite(contentFormat, values, prefix) };
}

function assertCount(count: number): void {
  if (count >= 1 && count <= MAX_COMPOSITE_PATHS) return;
  throw new PlatformError(
    'LWM2M_REQUEST',
    `a composite operation takes 1 to ${MAX_COMPOSITE_PATHS} paths, not ${count}`,
  );
}
