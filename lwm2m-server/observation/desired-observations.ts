import { messageOf, PlatformError } from '../../common/errors.ts';
import { backoffMs, sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { announcedInstances, type Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { Notifications } from './notifications.ts';
import { NO_TICKET, type Observations } from './observations.ts';
import type { ObserveRequests } from './observe-requests.ts';

const TEMPLATE = /^\/(\d{1,5})(?:\/(\d{1,5}|\*)(?:\/(\d{1,5}))?)?$/;

/** Attempts to observe one path of one device before the next registration or update is waited for. */
const ATTEMPTS = 3;

interface Template {
  readonly objectId: number;
  readonly instance: number | '*' | undefined;
  readonly resourceId: number | undefined;
}

/** Reads a path to observe, `*` standing for every announced instance. Throws CONFIG_INVALID. */
export function parseTemplate(text: string): Template {
  const match = TEMPLATE.exec(text);
  if (match === null) {
    throw new PlatformError(
      'CONFIG_INVALID',
      `--observe: ${JSON.stringify(text)} is no path such as /3303, /3303/0 or /3303/*/5700`,
    );
  }
  const [, object, instance, resource] = match;
  return {
    objectId: Number(object),
    instance: instance === undefined || instance === '*' ? instance : Number(instance),
    resourceId: resource === undefined ? undefined : Number(resource),
  };
}

/** The paths that a template stands for on a device; none when the device does not announce the object or instance. */
export function pathsFor(template: Template, registration: Pick<Registration, 'links' | 'rootPath'>): string[] {
  const { objectId, instance, resourceId } = template;
  const announced = announcedInstances(registration).get(objectId);
  if (announced === undefined) return [];
  if (instance === undefined) return [`/${objectId}`];
  const instances = instance === '*' ? announced : announced.filter((id) => id === instance);
  return instances.map((id) => (resourceId === undefined ? `/${objectId}/${id}` : `/${objectId}/${id}/${resourceId}`));
}

export interface DesiredObservationsOptions {
  readonly templates: readonly string[];
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly requests: ObserveRequests;
  readonly notifications: Notifications;
  readonly outbox: Outbox;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Keeps the configured paths of every registered device observed: looked at when it registers, updates or is restored. */
export class DesiredObservations {
  readonly #o: DesiredObservationsOptions;
  readonly #templates: readonly Template[];
  /** Registrations being seen to, so that an update does not start a second round; bounded by the registrations. */
  readonly #busy = new Set<string>();

  constructor(options: DesiredObservationsOptions) {
    this.#o = options;
    this.#templates = options.templates.map(parseTemplate);
  }

  /** Starts what is missing and returns at once; failures are logged and tried again at the next registration or update. */
  ensure(registration: Registration): void {
    const { observations } = this.#o;
    if (this.#busy.has(registration.registrationId)) return;
    const missing = this.#templates
      .flatMap((template) => pathsFor(template, registration))
      .filter((path) => observations.byPath(registration.endpointName, path) === undefined);
    if (missing.length === 0) return;
    this.#busy.add(registration.registrationId);
    void this.#observeAll(registration, missing).finally(() => this.#busy.delete(registration.registrationId));
  }

  async #observeAll(registration: Registration, paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      for (let attempt = 0; attempt < ATTEMPTS && this.#isCurrent(registration); attempt++) {
        try {
          await this.#observe(registration, path);
          break;
        } catch (error) {
          const { endpointName: endpoint } = registration;
          this.#o.log.debug({ endpoint, path, reason: messageOf(error) }, 'a device did not take up an observation');
          await sleep(backoffMs(attempt), this.#o.signal);
        }
      }
    }
  }

  async #observe(registration: Registration, path: string): Promise<void> {
    const { requests, notifications, outbox, requestTimeoutMs, signal } = this.#o;
    const result = await requests.start(
      registration,
      { path, ticket: NO_TICKET },
      { timeoutMs: requestTimeoutMs, signal },
    );
    await outbox.commit(...result.state);
    if (result.observation === undefined || result.answer === undefined) return;
    await notifications.recordFirstValue(result.observation, result.answer, result.outcome);
  }

  #isCurrent(registration: Registration): boolean {
    return !this.#o.signal.aborted && this.#o.registrations.byId(registration.registrationId) !== undefined;
  }
}
