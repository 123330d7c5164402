import { PlatformError } from '../../common/errors.ts';
import type { AvroRequest, AvroRequestPayload } from '../../schemas/generated/records.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import { isPrefix } from './announced-children.ts';

/**
 * A command to a gateway whose paths begin with the prefix of a device behind it, as the command to that device; any other as it is.
 * Its reply is that of the command that was asked. Throws LWM2M_PATH where a composite names more than one device.
 */
export function addressed(request: AvroRequest, registrations: Registrations): AvroRequest {
  const { payload } = request;
  const paths = pathsOf(payload);
  const prefixes = new Set(paths.map(prefixOf));
  if (prefixes.size === 1 && prefixes.has(undefined)) return request;
  const gateway = registrations.byEndpointName(request.ep);
  const children = gateway === undefined ? [] : [...prefixes].map((prefix) => childOf(registrations, gateway, prefix));
  const [child] = children;
  if (child === undefined && children.every((one) => one === undefined)) return request;
  if (child === undefined || children.length > 1)
    throw new PlatformError('LWM2M_PATH', 'the paths of one command are those of one device');
  return { ...request, ep: child.endpointName, payload: withoutPrefix(payload) };
}

function childOf(registrations: Registrations, gateway: Registration, prefix: string | undefined) {
  return prefix === undefined ? undefined : registrations.childByPrefix(gateway.registrationId, prefix);
}

/** The first segment of a path, where it is no id. */
function prefixOf(path: string): string | undefined {
  const from = path.startsWith('/') ? 1 : 0;
  const first = path.charCodeAt(from);
  if (Number.isNaN(first) || (first >= 0x30 && first <= 0x39 && /^\/?\d+(\/|$)/.test(path))) return undefined;
  const end = path.indexOf('/', from);
  const segment = path.slice(from, end < 0 ? undefined : end);
  return isPrefix(segment) ? segment : undefined;
}

function pathsOf({ path, body }: AvroRequestPayload): readonly string[] {
  const composite = compositeOf(body);
  if (composite === undefined) return [path];
  return 'paths' in composite ? composite.paths : composite.nodes.map((node) => node.path);
}

type Composite = { readonly paths: readonly string[] } | { readonly nodes: readonly { readonly path: string }[] };

/** The body of a composite operation; its path is not looked at. */
function compositeOf(body: AvroRequestPayload['body']): Composite | undefined {
  const [content] = Object.values(body ?? {}) as unknown[];
  const isComposite = typeof content === 'object' && content !== null && ('paths' in content || 'nodes' in content);
  return isComposite ? (content as Composite) : undefined;
}

function withoutPrefix(payload: AvroRequestPayload): AvroRequestPayload {
  const composite = compositeOf(payload.body);
  if (composite === undefined) return { ...payload, path: below(payload.path) };
  const [name] = Object.keys(payload.body ?? {});
  const own =
    'paths' in composite
      ? { ...composite, paths: composite.paths.map(below) }
      : { ...composite, nodes: composite.nodes.map((node) => ({ ...node, path: below(node.path) })) };
  return { ...payload, body: { [name!]: own } as unknown as AvroRequestPayload['body'] };
}

function below(path: string): string {
  const at = path.indexOf('/', 1);
  return at < 0 ? '/' : path.slice(at);
}
