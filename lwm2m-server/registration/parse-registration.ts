import { PlatformError } from '../../common/errors.ts';
import { type AnnouncedObjects, NOTHING_ANNOUNCED, parseAnnouncement } from './announced-objects.ts';
import { endpointNameFault } from './endpoint-name.ts';
import type { Registration, RegistrationChange } from './registration.ts';

const DEFAULT_LIFETIME_SECONDS = 86_400;
const MAX_LIFETIME_SECONDS = 2 ** 32 - 1;
const MAX_PARAMETERS = 32;
const MAX_PARAMETER_BYTES = 255;
const MAX_ATTRIBUTES = MAX_PARAMETERS;
const VERSIONS = new Set(['1.0', '1.1', '1.2']);
const DEFAULT_VERSION = '1.0';

export interface RegistrationRequest {
  readonly endpointName: string;
  readonly version: string;
  readonly lifetimeSeconds: number;
  readonly binding: string;
  readonly queueMode: boolean;
  readonly smsNumber: string | undefined;
  readonly profileId: string | undefined;
  readonly attributes: Readonly<Record<string, string>> | undefined;
  readonly announced: AnnouncedObjects;
}

/** Version that this server does not speak: answered with 4.12, not 4.00. */
export class UnsupportedVersion extends Error {}

/**
 * Query and body of POST /rd.
 * Throws LWM2M_REGISTRATION or LWM2M_LINK_FORMAT, and UnsupportedVersion.
 * @param provenName the endpoint name that the transport vouches for: then `ep` may be absent and must not differ
 */
export function parseRegistration(
  query: readonly string[],
  payload: Uint8Array,
  provenName?: string,
): RegistrationRequest {
  const parameters = readParameters(query);
  const endpointName = parseEndpointName(take(parameters, 'ep'), provenName);
  const version = take(parameters, 'lwm2m') ?? DEFAULT_VERSION;
  if (!VERSIONS.has(version)) throw new UnsupportedVersion(version);
  const change = parseChange(parameters, payload, version);
  return {
    endpointName,
    version,
    lifetimeSeconds: change.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS,
    binding: change.binding ?? 'U',
    queueMode: change.queueMode ?? false,
    smsNumber: change.smsNumber,
    profileId: change.profileId,
    attributes: change.attributes,
    announced: change.announced ?? NOTHING_ANNOUNCED,
  };
}

/**
 * Query and body of POST /rd/{id}. What names the device and its version cannot be changed by an update: repeating them is
 * harmless, other values are refused. Throws LWM2M_REGISTRATION or LWM2M_LINK_FORMAT.
 */
export function parseUpdate(
  query: readonly string[],
  payload: Uint8Array,
  current: Pick<Registration, 'endpointName' | 'version' | 'attributes'>,
): RegistrationChange {
  const parameters = readParameters(query);
  requireSame('ep', take(parameters, 'ep'), current.endpointName);
  requireSame('lwm2m', take(parameters, 'lwm2m'), current.version);
  const change = parseChange(parameters, payload, current.version);
  const names = new Set([...Object.keys(current.attributes ?? {}), ...Object.keys(change.attributes ?? {})]);
  if (names.size > MAX_ATTRIBUTES) throw bad(`more than ${MAX_ATTRIBUTES} parameters of its own`);
  return change;
}

function parseChange(parameters: Map<string, string>, payload: Uint8Array, version: string): RegistrationChange {
  const lifetime = take(parameters, 'lt');
  const binding = take(parameters, 'b');
  const queueMode = take(parameters, 'Q');
  const smsNumber = take(parameters, 'sms');
  const profileId = parameters.get('pid');
  return {
    ...(lifetime !== undefined && { lifetimeSeconds: parseLifetime(lifetime, version) }),
    ...(binding !== undefined && parseBinding(binding, version)),
    ...(queueMode !== undefined && parseQueueMode(queueMode)),
    ...(smsNumber !== undefined && { smsNumber }),
    ...(profileId !== undefined && { profileId }),
    ...(payload.length > 0 && { announced: parseLinks(payload) }),
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
    parameters.set(name, flat(equals < 0 ? '' : part.slice(equals + 1)));
  }
  return parameters;
}

/** A copy that does not keep the whole query alive, as the slice of a long string would. */
function flat(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf8').toString('utf8');
}

function parseEndpointName(text: string | undefined, provenName: string | undefined): string {
  const name = text ?? provenName;
  if (name === undefined || name === '') throw bad('ep is required');
  if (provenName !== undefined && name !== provenName) throw bad('ep is not the name that the connection proved');
  const fault = endpointNameFault(name);
  if (fault !== undefined) throw bad(fault);
  return name;
}

/** 0 is a lifetime without end since LwM2M 1.1, as in the Server object; before, it is no lifetime. */
function parseLifetime(text: string, version: string): number {
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  const least = version === '1.0' ? 1 : 0;
  if (!(seconds >= least && seconds <= MAX_LIFETIME_SECONDS))
    throw bad(`lt must be whole seconds from ${least} to ${MAX_LIFETIME_SECONDS}`);
  return seconds;
}

const BINDINGS_1_0 = new Set(['U', 'UQ', 'S', 'SQ', 'US', 'UQS']);

/**
 * 1.0 has six values, with queue mode among the letters; 1.1 has one letter for each transport and queue mode apart.
 * DEVIATION: a Q among the letters of 1.1 is taken for the parameter Q, since devices that moved on from 1.0 write it.
 */
function parseBinding(text: string, version: string): { binding: string; queueMode?: boolean } {
  if (version === '1.0') {
    if (!BINDINGS_1_0.has(text)) throw bad('b must be U, UQ, S, SQ, US or UQS');
    return { binding: text.replace('Q', ''), queueMode: text.includes('Q') };
  }
  const letters = text.replace('Q', '');
  if (!/^[UTSN]{1,4}$/.test(letters) || new Set(letters).size !== letters.length)
    throw bad('b must be letters of U T S N, each once');
  return text === letters ? { binding: letters } : { binding: letters, queueMode: true };
}

function parseQueueMode(value: string): { queueMode: true } {
  if (value !== '') throw bad('Q takes no value');
  return { queueMode: true };
}

function parseLinks(payload: Uint8Array): AnnouncedObjects {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch (cause) {
    throw new PlatformError('LWM2M_LINK_FORMAT', 'the object links are not UTF-8', { cause });
  }
  return parseAnnouncement(text);
}

function requireSame(name: string, said: string | undefined, known: string): void {
  if (said !== undefined && said !== known) throw bad(`an update cannot change ${name}`);
}

function take(parameters: Map<string, string>, name: string): string | undefined {
  const value = parameters.get(name);
  parameters.delete(name);
  return value;
}

function bad(message: string): PlatformError {
  return new PlatformError('LWM2M_REGISTRATION', message);
}
