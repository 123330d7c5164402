import { PlatformError } from '../../common/errors.ts';
import { type AttributeName, assertConsistent, type NotificationAttributes } from '../attributes.ts';
import { formatPath, type Lwm2mPath } from '../path.ts';
import type { NotificationRules } from './notification-rules.ts';
import { refusal } from './refusal.ts';

const SUPPORTED: ReadonlySet<string> = new Set(['pmin', 'pmax', 'gt', 'lt', 'st'] satisfies AttributeName[]);

/** Paths that may carry attributes. At it Write-Attributes on a further path is answered with 5.03. */
const MAX_PATHS = 1_000;

/** Attributes as they were written per path; lower levels inherit from higher ones. */
export class AttributeStore {
  readonly #byPath = new Map<string, NotificationRules>();

  /** Adds, replaces and (null) takes away. Throws LWM2M_ATTRIBUTES for an unsupported or contradictory set, then nothing changed. */
  write(path: Lwm2mPath, changes: NotificationAttributes): void {
    const unsupported = Object.keys(changes).find((name) => !SUPPORTED.has(name));
    if (unsupported !== undefined) throw new PlatformError('LWM2M_ATTRIBUTES', `${unsupported} is not supported here`);
    const key = formatPath(path);
    const kept = Object.entries({ ...this.#byPath.get(key), ...changes }).filter(([, value]) => value !== null);
    const own: NotificationRules = Object.fromEntries(kept);
    assertConsistent({ ...this.effective(parentOf(path)), ...own });
    if (kept.length === 0) this.#byPath.delete(key);
    else if (this.#byPath.size < MAX_PATHS || this.#byPath.has(key)) this.#byPath.set(key, own);
    else throw refusal('5.03', 'no more paths can carry attributes');
  }

  /** What was written for this very path. */
  own(path: Lwm2mPath): NotificationRules {
    return this.#byPath.get(formatPath(path)) ?? {};
  }

  /** What holds at this path: its own attributes over those of the levels above. */
  effective(path: Lwm2mPath): NotificationRules {
    if (this.#byPath.size === 0 || path.objectId === undefined) return {};
    return { ...this.effective(parentOf(path)), ...this.own(path) };
  }

  /** Drops everything at and below a path that is gone. */
  forget(path: Lwm2mPath): void {
    const key = formatPath(path);
    for (const held of this.#byPath.keys()) {
      if (held === key || held.startsWith(`${key}/`)) this.#byPath.delete(held);
    }
  }
}

function parentOf(path: Lwm2mPath): Lwm2mPath {
  const { objectId, instanceId, resourceId, resourceInstanceId } = path;
  if (resourceInstanceId !== undefined)
    return { objectId: objectId!, instanceId: instanceId!, resourceId: resourceId! };
  if (resourceId !== undefined) return { objectId: objectId!, instanceId: instanceId! };
  return instanceId !== undefined ? { objectId: objectId! } : {};
}
