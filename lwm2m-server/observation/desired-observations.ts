import { messageOf, PlatformError } from '../../common/errors.ts';
import { backoffMs, sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import { isId, MAX_ID } from '../../lwm2m/path.ts';
import type { Outbox } from '../bridge/outbox.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { Notifications } from './notifications.ts';
import { NO_TICKET, type Observation, type Observations, PER_ENDPOINT_LIMIT } from './observations.ts';
import type { ObserveRequests } from './observe-requests.ts';

const TEMPLATE = /^\/(\d{1,5})(?:\/(\d{1,5}|\*)(?:\/(\d{1,5}))?)?$/;

/** Attempts to observe one path of one device before the next registration or update is waited for. */
const ATTEMPTS = 3;

type ObservationWish = Pick<Observation, 'path' | 'ticket'>;

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
  if ([object, instance, resource].some((id) => id !== undefined && id !== '*' && !isId(Number(id)))) {
    throw new PlatformError('CONFIG_INVALID', `--observe: ${text} has an id above ${MAX_ID}`);
  }
  return {
    objectId: Number(object),
    instance: instance === undefined || instance === '*' ? instance : Number(instance),
    resourceId: resource === undefined ? undefined : Number(resource),
  };
}

/** The paths that a template stands for on a device; none when the device does not announce the object or instance. */
export function pathsFor(template: Template, { instances }: Pick<Registration, 'instances'>): string[] {
  const { objectId, instance, resourceId } = template;
  const announced = instances.get(objectId);
  if (announced === undefined) return [];
  if (instance === undefined) return [`/${objectId}`];
  const chosen = [...announced].filter((id) => instance === '*' || id === instance);
  return chosen.map((id) => (resourceId === undefined ? `/${objectId}/${id}` : `/${objectId}/${id}/${resourceId}`));
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

  /** Starts what is missing or was ended by a change of address, and returns at once; what fails is tried again at the next registration or update. */
  ensure(registration: Registration): void {
    const { registrationId } = registration;
    if (this.#busy.has(registrationId)) return;
    const missing = this.#missingOf(registration);
    if (missing.length === 0) return;
    this.#busy.add(registrationId);
    void this.#observeAll(registration, missing).finally(() => {
      this.#busy.delete(registrationId);
      const current = this.#current(registrationId);
      if (current !== undefined && current.links !== registration.links) this.ensure(current);
    });
  }

  #missingOf(registration: Registration): ObservationWish[] {
    const { observations } = this.#o;
    const { endpointName } = registration;
    const wishes = new Map<string, ObservationWish>();
    for (const { path, ticket, doubtful } of observations.allOf(endpointName)) {
      if (doubtful) wishes.set(path, { path, ticket });
    }
    for (const path of this.#templates.flatMap((template) => pathsFor(template, registration))) {
      if (wishes.size >= PER_ENDPOINT_LIMIT) break;
      if (observations.byPath(endpointName, path) === undefined) wishes.set(path, { path, ticket: NO_TICKET });
    }
    return [...wishes.values()];
  }

  async #observeAll({ registrationId }: Registration, wishes: readonly ObservationWish[]): Promise<void> {
    for (const wish of wishes) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const registration = this.#current(registrationId);
        if (registration === undefined) return;
        try {
          await this.#observe(registration, wish);
          break;
        } catch (error) {
          const { endpointName: endpoint } = registration;
          const { path } = wish;
          this.#o.log.debug({ endpoint, path, reason: messageOf(error) }, 'a device did not take up an observation');
          await sleep(backoffMs(attempt), this.#o.signal);
        }
      }
    }
  }

  async #observe(registration: Registration, wish: ObservationWish): Promise<void> {
    const { requests, notifications, outbox, requestTimeoutMs, signal } = this.#o;
    const { observation, answer, outcome, state } = await requests.start(registration, wish, {
      timeoutMs: requestTimeoutMs,
      signal,
    });
    const value = observation && answer ? [notifications.firstValue(observation, answer, outcome)] : [];
    await outbox.commit(...state(), ...value);
  }

  #current(registrationId: string): Registration | undefined {
    return this.#o.signal.aborted ? undefined : this.#o.registrations.byId(registrationId);
  }
}
