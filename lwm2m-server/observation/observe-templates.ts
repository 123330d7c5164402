import { messageOf, PlatformError } from '../../common/errors.ts';
import { assertWritable, attributeSegments, parseAttributes } from '../../lwm2m/attributes.ts';
import { CONTENT_FORMATS } from '../../lwm2m/content/content-formats.ts';
import { isId, MAX_ID } from '../../lwm2m/path.ts';
import type { Registration } from '../registration/registration.ts';

const TEMPLATE = /^\/(\d{1,5})(?:\/(\d{1,5}|\*)(?:\/(\d{1,5})(?:\/(\d{1,5}))?)?)?$/;

/** A path to observe on every device that announces it, `*` standing for each announced instance. */
export interface ObserveTemplate {
  readonly objectId: number;
  readonly instance: number | '*' | undefined;
  /** Resource, or resource and resource instance, as they stand in the path: "/5700", "/6/0", or "". */
  readonly below: string;
  /** Query of the Write-Attributes request that goes before. */
  readonly attributes: readonly string[] | undefined;
  readonly accept: number | undefined;
}

/** Reads a path to observe. Throws CONFIG_INVALID, which names where it stood. */
export function parseTemplate(
  text: string,
  where: string,
  more: { readonly attributes?: string | undefined; readonly format?: string | undefined } = {},
): ObserveTemplate {
  const match = TEMPLATE.exec(text);
  if (match === null) {
    throw invalid(where, `${JSON.stringify(text)} is no path such as /3303, /3303/0 or /3303/*/5700`);
  }
  const [, object, instance, resource, resourceInstance] = match;
  const ids = [object, instance, resource, resourceInstance];
  if (ids.some((id) => id !== undefined && id !== '*' && !isId(Number(id)))) {
    throw invalid(where, `${text} has an id above ${MAX_ID}`);
  }
  const below = [resource, resourceInstance].flatMap((id) => (id === undefined ? [] : [`/${Number(id)}`])).join('');
  return {
    objectId: Number(object),
    instance: instance === undefined || instance === '*' ? instance : Number(instance),
    below,
    attributes: more.attributes === undefined ? undefined : queryOf(more.attributes, resource !== undefined, where),
    accept: more.format === undefined ? undefined : formatOf(more.format, where),
  };
}

function queryOf(text: string, ofResource: boolean, where: string): readonly string[] {
  try {
    const attributes = parseAttributes(text);
    assertWritable(attributes, ofResource ? { objectId: 0, instanceId: 0, resourceId: 0 } : { objectId: 0 });
    return attributeSegments(attributes);
  } catch (error) {
    throw invalid(where, messageOf(error));
  }
}

function formatOf(name: string, where: string): number {
  const format = (CONTENT_FORMATS as Readonly<Record<string, { readonly number: number }>>)[name];
  if (format === undefined || !Object.hasOwn(CONTENT_FORMATS, name)) {
    throw invalid(where, `format must be one of ${Object.keys(CONTENT_FORMATS).join(', ')}`);
  }
  return format.number;
}

/** The paths that a template stands for on a device; none when the device does not announce the object or instance. */
export function pathsFor(template: ObserveTemplate, { instances }: Pick<Registration, 'instances'>): string[] {
  const { objectId, instance, below } = template;
  const announced = instances.get(objectId);
  if (announced === undefined) return [];
  if (instance === undefined) return [`/${objectId}`];
  const chosen = [...announced].filter((id) => instance === '*' || id === instance);
  return chosen.map((id) => `/${objectId}/${id}${below}`);
}

function invalid(where: string, what: string): PlatformError {
  return new PlatformError('CONFIG_INVALID', `${where}: ${what}`);
}
