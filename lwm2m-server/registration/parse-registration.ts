import { PlatformError } from '../../common/errors.ts';
import { parseLinkFormat, type WebLink } from '../../lwm2m/link-format.ts';
import { BINDINGS, type Binding, type RegistrationChange } from './registration.ts';

const DEFAULT_LIFETIME_SECONDS = 86_400;
const MAX_LIFETIME_SECONDS = 2 ** 32 - 1;
const MAX_ENDPOINT_NAME_BYTES = 255;
const MAX_PARAMETERS = 32;
const MAX_PARAMETER_BYTES = 255;
const MAX_ROOT_CHARACTERS = 255;
const VERSIONS = new Set(['1.0', '1.1', '1.2']);

export interface RegistrationRequest extends RegistrationChange {
  readonly endpointName: string;
  readonly version: string;
  readonly lifetimeSeconds: number;
  readonly binding: Binding;
  readonly links: readonly WebLink[];
  readonly rootPath: string;
}

/** Version that this server does not speak: answered with 4.12, not 4.00. */
export class UnsupportedVersion extends Error {}

/**
 * Query and body of POST /rd (OMA LwM2M Core 1.0.2 §5.3.1, 1.1.1 §6.2.1).
 * Throws LWM2M_REGISTRATION or LWM2M_LINK_FORMAT, and UnsupportedVersion.
 */
export function parseRegistration(query: readonly string[], payload: Uint8Array): RegistrationRequest {
  const parameters = readParameters(query);
  const endpointName = parseEndpointName(take(parameters, 'ep'));
  const version = take(parameters, 'lwm2m') ?? '1.0';
  if (!VERSIONS.has(version)) throw new UnsupportedVersion(version);
  const change = parseChange(parameters, payload);
  return {
    ...change,
    endpointName,
    version,
    lifetimeSeconds: change.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS,
    binding: change.binding ?? 'U',
    links: change.links ?? [],
    rootPath: change.rootPath ?? '/',
  };
}

/** Query and body of POST /rd/{id} (§5.3.2). Throws LWM2M_REGISTRATION or LWM2M_LINK_FORMAT. */
export function parseUpdate(query: readonly string[], payload: Uint8Array): RegistrationChange {
  return parseChange(readParameters(query), payload);
}

function parseChange(parameters: Map<string, string>, payload: Uint8Array): RegistrationChange {
  const lifetime = take(parameters, 'lt');
  const binding = take(parameters, 'b');
  const queueMode = parameters.has('Q');
  parameters.delete('Q');
  const smsNumber = take(parameters, 'sms');
  return {
    ...(lifetime !== undefined && { lifetimeSeconds: parseLifetime(lifetime) }),
    ...((binding !== undefined || queueMode) && { binding: parseBinding(binding ?? 'U', queueMode) }),
    ...(smsNumber !== undefined && { smsNumber }),
    ...(payload.length > 0 && parseLinks(payload)),
    ...(parameters.size > 0 && { attributes: Object.fromEntries(parameters) }),
  };
}

function readParameters(query: readonly string[]): Map<string, string> {
  if (query.length > MAX_PARAMETERS) throw bad(`more than ${MAX_PARAMETERS} parameters`);
  const parameters = new Map<string, string>();
  for (const part of query) {
    if (Buffer.byteLength(part) > MAX_PARAMETER_BYTES)
      throw bad(`a parameter longer than ${MAX_PARAMETER_BYTES} bytes`);
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (parameters.has(name)) throw bad(`parameter ${JSON.stringify(name)} stands twice`);
    parameters.set(name, equals < 0 ? '' : part.slice(equals + 1));
  }
  return parameters;
}

function parseEndpointName(text: string | undefined): string {
  if (text === undefined || text === '') throw bad('ep is required');
  if (Buffer.byteLength(text) > MAX_ENDPOINT_NAME_BYTES)
    throw bad(`ep is longer than ${MAX_ENDPOINT_NAME_BYTES} bytes`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f\ufffd]/.test(text)) throw bad('ep holds control characters or broken UTF-8');
  return text;
}

function parseLifetime(text: string): number {
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS))
    throw bad(`lt must be whole seconds from 1 to ${MAX_LIFETIME_SECONDS}`);
  return seconds;
}

/** 1.0 says U, UQ, S, SQ, US, UQS; 1.1 says letters of U T S N with Q apart. T and N have no binding record: the device is reached over UDP here. */
function parseBinding(text: string, queueMode: boolean): Binding {
  if (!/^[UTSNQ]{0,5}$/.test(text)) throw bad('b has letters other than U T S N Q');
  const wanted = `${text.includes('S') && !text.includes('U') ? '' : 'U'}${queueMode || text.includes('Q') ? 'Q' : ''}${text.includes('S') ? 'S' : ''}`;
  const binding = wanted === 'QS' ? 'SQ' : wanted;
  return BINDINGS.find((known) => known === binding) ?? 'U';
}

function parseLinks(payload: Uint8Array): Pick<RegistrationChange, 'links' | 'rootPath'> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch (cause) {
    throw new PlatformError('LWM2M_LINK_FORMAT', 'the object links are not UTF-8', { cause });
  }
  const links = parseLinkFormat(text);
  const root = links.find(({ attributes }) => attributes.rt?.split(' ').includes('oma.lwm2m'));
  return { links, rootPath: parseRoot(root?.url ?? '/') };
}

/** Uri-Path options must carry it: whole segments, none of them longer than an option may be. */
function parseRoot(url: string): string {
  if (url.length > MAX_ROOT_CHARACTERS || !url.startsWith('/') || url.includes('//')) {
    throw bad(`the root path is none of at most ${MAX_ROOT_CHARACTERS} characters`);
  }
  return url;
}

function take(parameters: Map<string, string>, name: string): string | undefined {
  const value = parameters.get(name);
  parameters.delete(name);
  return value;
}

function bad(message: string): PlatformError {
  return new PlatformError('LWM2M_REGISTRATION', message);
}
