import { PlatformError } from '../common/errors.ts';

/** Where a value lives. A level is present only when all levels above it are; without an object it is the root "/". */
export interface Lwm2mPath {
  readonly objectId?: number;
  readonly instanceId?: number;
  readonly resourceId?: number;
  readonly resourceInstanceId?: number;
}

const LEVELS = ['root', 'object', 'instance', 'resource', 'resourceInstance'] as const; // by number of ids
export type PathLevel = (typeof LEVELS)[number];

/** Ids are 16 bits wide and the last value is reserved on every level. */
export const MAX_ID = 2 ** 16 - 2;

const ID = /^(?:0|[1-9][0-9]{0,4})$/;

/** True for a whole number that may name an object, an instance, a resource or a resource instance. */
export function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= MAX_ID;
}

/** Reads "/3303/0/5700" or "3303/0/5700"; "/" is the root. Throws LWM2M_PATH for anything else, "" and "/3/" included. */
export function parsePath(text: string): Lwm2mPath {
  if (text === '/') return {};
  return pathOfSegments((text.startsWith('/') ? text.slice(1) : text).split('/', LEVELS.length));
}

/** The path that CoAP Uri-Path options or split text name. Throws LWM2M_PATH. */
export function pathOfSegments(segments: readonly string[]): Lwm2mPath {
  if (segments.length >= LEVELS.length) throw new PlatformError('LWM2M_PATH', 'a path has at most four ids');
  return pathOfIds(segments.map(parseId));
}

/** Writes "/3303/0/5700". Throws LWM2M_PATH when a level is missing above another or an id is out of range. */
export function formatPath(path: Lwm2mPath): string {
  return `/${pathSegments(path).join('/')}`;
}

/** The ids as text, outermost first: what goes into CoAP Uri-Path options. Throws LWM2M_PATH as `formatPath` does. */
export function pathSegments(path: Lwm2mPath): string[] {
  const ids = [path.objectId, path.instanceId, path.resourceId, path.resourceInstanceId];
  const depth = ids.indexOf(undefined);
  const present = depth < 0 ? ids : ids.slice(0, depth);
  const holds = depth < 0 || ids.slice(depth).every((id) => id === undefined);
  if (!holds || !present.every((id) => isId(id!))) {
    throw new PlatformError('LWM2M_PATH', 'a path needs every level above its last one, each id from 0 to 65534');
  }
  return present.map(String);
}

export function pathLevel(path: Lwm2mPath): PathLevel {
  if (path.resourceInstanceId !== undefined) return 'resourceInstance';
  if (path.resourceId !== undefined) return 'resource';
  if (path.instanceId !== undefined) return 'instance';
  return path.objectId !== undefined ? 'object' : 'root';
}

function parseId(text: string): number {
  const id = ID.test(text) ? Number(text) : Number.NaN;
  if (!isId(id)) {
    throw new PlatformError('LWM2M_PATH', `${JSON.stringify(text.slice(0, 16))} is not an id from 0 to ${MAX_ID}`);
  }
  return id;
}

function pathOfIds([objectId, instanceId, resourceId, resourceInstanceId]: readonly number[]): Lwm2mPath {
  return {
    ...(objectId !== undefined && { objectId }),
    ...(instanceId !== undefined && { instanceId }),
    ...(resourceId !== undefined && { resourceId }),
    ...(resourceInstanceId !== undefined && { resourceInstanceId }),
  };
}
