import type { WebLink } from '../../../lwm2m/link-format.ts';
import type { Registration } from '../../registration/registration.ts';

/** Its names and dates are those of Leshan's demo server, which scripts and consoles rely on. */
export interface RegistrationJson {
  readonly endpoint: string;
  readonly registrationId: string;
  readonly registrationDate: string;
  readonly lastUpdate: string;
  readonly address: string;
  readonly smsNumber?: string;
  readonly lwM2mVersion: string;
  readonly lifetime: number;
  readonly bindingMode: string;
  readonly rootPath: string;
  readonly objectLinks: readonly LinkJson[];
  readonly secure: boolean;
  readonly additionalRegistrationAttributes: Readonly<Record<string, string>>;
  /** Ours, only of devices behind an LwM2M gateway. */
  readonly gateway?: string;
  readonly prefix?: string;
  /** Only of devices in queue mode. */
  readonly sleeping?: boolean;
}

export interface LinkJson {
  readonly url: string;
  readonly attributes: Readonly<Record<string, string | null>>;
}

/** What there is to tell about a device beyond its registration. */
export interface DeviceState {
  /** Undefined for a device that is always reachable. */
  sleeping(registration: Registration): boolean | undefined;
  /** Until when a device in queue mode listens; undefined while it sleeps, and for any other. */
  awakeUntilMs(registration: Registration): number | undefined;
  /** True behind a secured transport. */
  secure(registration: Registration): boolean;
}

export function registrationJson(registration: Registration, state: DeviceState): RegistrationJson {
  const { smsNumber, behind } = registration;
  const sleeping = state.sleeping(registration);
  return {
    endpoint: registration.endpointName,
    registrationId: registration.registrationId,
    registrationDate: dateText(registration.registeredAtMs),
    lastUpdate: dateText(registration.lastUpdateAtMs),
    address: addressText(registration.peer),
    ...(smsNumber === undefined ? {} : { smsNumber }),
    lwM2mVersion: registration.version,
    lifetime: registration.lifetimeSeconds,
    bindingMode: registration.binding,
    rootPath: registration.rootPath,
    objectLinks: linksJson(registration.links),
    secure: state.secure(registration),
    additionalRegistrationAttributes: registration.attributes ?? {},
    ...(behind === undefined ? {} : { gateway: behind.gatewayName, prefix: behind.prefix }),
    ...(sleeping === undefined ? {} : { sleeping }),
  };
}

/** In the order of their ids, `/3` before `/10`. */
export function linksJson(links: readonly WebLink[]): LinkJson[] {
  return [...links].sort((a, b) => compareUrls(a.url, b.url)).map(({ url, attributes }) => ({ url, attributes }));
}

function compareUrls(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** `2026-01-31T12:00:00Z`: seconds, as yyyy-MM-dd'T'HH:mm:ssXXX writes them in UTC. */
export function dateText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().replace(/\.\d+Z$/, 'Z');
}

export function addressText({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
