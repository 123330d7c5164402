import type { AvroLink } from '../../schemas/generated/records.ts';

/** The object instances that a device announces. */
export interface ObjectLinks {
  /** `objectId/instanceId` */
  readonly instances: ReadonlySet<string>;
  /** Links that are no LwM2M paths below the root; objects without an instance and the root itself are not counted. */
  readonly ignored: number;
}

const INSTANCE = /^\/(\d{1,5})\/(\d{1,5})$/;
const WITHOUT_INSTANCE = /^(\/\d{1,5})?\/?$/;
/** 65535 is reserved in LwM2M for "all". */
const HIGHEST_ID = 65_534;

/** @param root alternate path of the registration (rt="oma.lwm2m"); '/' and '' mean none */
export function objectLinksOf(links: readonly AvroLink[], root: string): ObjectLinks {
  const prefix = normalRoot(root);
  const instances = new Set<string>();
  let ignored = 0;
  for (const { url } of links) {
    const path = withoutPrefix(url, prefix);
    const [, objectId, instanceId] = INSTANCE.exec(path ?? '?') ?? [];
    if (objectId !== undefined && Number(objectId) <= HIGHEST_ID && Number(instanceId) <= HIGHEST_ID)
      instances.add(`${Number(objectId)}/${Number(instanceId)}`);
    else if (path === undefined || !WITHOUT_INSTANCE.test(path)) ignored++;
  }
  return { instances, ignored };
}

/** '' for no root, else with a slash before and none behind. */
export function normalRoot(root: string): string {
  const name = root.replace(/^\/+|\/+$/g, '');
  return name === '' ? '' : `/${name}`;
}

function withoutPrefix(url: string, prefix: string): string | undefined {
  if (prefix === '') return url;
  if (url === prefix) return '/';
  return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : undefined;
}
