import { PlatformError } from '../../common/errors.ts';
import type { ModelLookup } from '../model/object-models.ts';
import type { Lwm2mPath } from '../path.ts';
import { decodeContent } from './codec.ts';
import { contentFormatName } from './content-formats.ts';
import type { Lwm2mNode } from './node.ts';

/** A node and the time that its sender gave it. */
export interface TimedNode {
  readonly path: Lwm2mPath;
  readonly timestampMs: number | undefined; // ms since 1970; undefined: no time given
  readonly node: Lwm2mNode;
}

/** One bad record does not drop the rest: it is a fault. */
export interface TimedContent {
  readonly values: readonly TimedNode[]; // oldest first, those without time last
  readonly faults: readonly PlatformError[];
}

/** True for formats whose values may carry a time: SenML and the old JSON. */
export function carriesTime(contentFormat: number): boolean {
  const name = contentFormatName(contentFormat);
  return name === 'JSON' || name?.startsWith('SENML') === true;
}

/**
 * Reads a Read answer or a notification at `path`: one node per timestamp. A format without time gives one value.
 * Throws as `decodeContent` does when nothing at all can be read.
 */
export function decodeTimedContent(
  contentFormat: number | undefined,
  payload: Uint8Array,
  path: Lwm2mPath,
  models: ModelLookup,
  _nowMs: number,
): TimedContent {
  return {
    values: [{ path, timestampMs: undefined, node: decodeContent(contentFormat, payload, path, models) }],
    faults: [],
  };
}

/**
 * Reads a composite answer, grouped under the asked paths, or (paths undefined) a Send: one node per resource and
 * timestamp. Throws LWM2M_CONTENT_FORMAT, or LWM2M_CONTENT when nothing at all can be read.
 */
export function decodeComposite(
  contentFormat: number | undefined,
  _payload: Uint8Array,
  _paths: readonly Lwm2mPath[] | undefined,
  _models: ModelLookup,
  _nowMs: number,
): TimedContent {
  throw noComposite(contentFormat);
}

/** The body of a Write-Composite or a Send. Throws LWM2M_CONTENT_FORMAT, LWM2M_CONTENT. */
export function encodeComposite(contentFormat: number, _values: readonly TimedNode[]): Buffer {
  throw noComposite(contentFormat);
}

/** The body of a Read-Composite or an Observe-Composite: paths without values. */
export function encodePaths(contentFormat: number, _paths: readonly Lwm2mPath[]): Buffer {
  throw noComposite(contentFormat);
}

/** Reads what `encodePaths` writes, in the order of the payload. */
export function decodePaths(contentFormat: number, _payload: Uint8Array): Lwm2mPath[] {
  throw noComposite(contentFormat);
}

function noComposite(contentFormat: number | undefined): PlatformError {
  const details = { contentFormat };
  return new PlatformError('LWM2M_CONTENT_FORMAT', `content format ${contentFormat} carries no composite`, { details });
}
