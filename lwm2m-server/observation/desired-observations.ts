import { hasCode, messageOf } from '../../common/errors.ts';
import { backoffMs, sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { CoapEndpoint } from '../../lwm2m/coap/endpoint.ts';
import { parsePath } from '../../lwm2m/path.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { GATEWAY_OBJECT, isGateway } from '../children/announced-children.ts';
import { uriPath } from '../operation/device-requests.ts';
import { isSuccess } from '../operation/outcome.ts';
import type { Profiles } from '../registration/profiles.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { Notifications } from './notifications.ts';
import { NO_TICKET, type Observations, PER_ENDPOINT_LIMIT } from './observations.ts';
import type { ObserveRequests } from './observe-requests.ts';
import { type ObserveTemplate, parseTemplate, pathsFor } from './observe-templates.ts';
import { PacedRounds } from './paced-rounds.ts';
import type { Refusals } from './refusals.ts';
import type { Wish, Wishes } from './wishes.ts';

/** Attempts to observe one path of one device before the next registration or update is waited for. */
const ATTEMPTS = 3;

/** Devices asked at once that were heard a moment ago, and those restored by a start of ours, some of which are gone. */
const HEARD_AT_ONCE = 512;
const RESTORED_AT_ONCE = 32;

/** A device that was just heard and does not answer for so long is left until it is heard again. */
const LONGEST_WAIT_MS = 60_000;

export type Occasion = 'registered' | 'updated' | 'restored';

/** `active`: the device has it. `doubtful`: perhaps, see Observation. `refused`: the device said no. `missing`: not asked or no answer yet. */
export interface DesiredObservation {
  readonly path: string;
  readonly ticket: string;
  readonly state: 'active' | 'doubtful' | 'refused' | 'missing';
  /** CoAP code of the refusal. */
  readonly code: string | undefined;
}

/** What is behind a gateway is wanted of every gateway. */
const GATEWAY_WANT: Wish = { path: `/${GATEWAY_OBJECT}`, ticket: NO_TICKET, accept: undefined, composite: undefined };

/** A wish with what its template asks for besides. */
type Want = Wish & { readonly attributes?: readonly string[] | undefined };

export interface DesiredObservationsOptions {
  readonly observe: readonly string[];
  readonly profiles: Profiles;
  readonly endpoint: Pick<CoapEndpoint, 'request'>;
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly wishes: Wishes;
  readonly refusals: Refusals;
  readonly requests: ObserveRequests;
  readonly notifications: Notifications;
  readonly outbox: Outbox;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Keeps every registered device observed as the settings, its profiles and former commands say. */
export class DesiredObservations {
  readonly #o: DesiredObservationsOptions;
  readonly #templates: readonly ObserveTemplate[];
  readonly #heard: PacedRounds;
  readonly #restored: PacedRounds;
  /** Registrations being seen to, so that an update does not start a second round; bounded by those of the paces. */
  readonly #busy = new Set<string>();

  constructor(options: DesiredObservationsOptions) {
    this.#o = options;
    this.#templates = options.observe.map((text) => parseTemplate(text, '--observe'));
    const laneOf = (id: string) => options.registrations.byId(id)?.behind?.gatewayRegistrationId;
    this.#heard = new PacedRounds(HEARD_AT_ONCE, (id) => this.#round(id, true), laneOf);
    this.#restored = new PacedRounds(RESTORED_AT_ONCE, (id) => this.#round(id, false), laneOf);
  }

  /** Devices that wait for their round. */
  get waiting(): number {
    return this.#heard.waiting + this.#restored.waiting;
  }

  /** Starts what is missing, and on an update checks what is in doubt. What fails is tried again when the device is heard again. */
  ensure(registration: Registration, occasion: Occasion): void {
    const heard = occasion !== 'restored';
    // It sleeps, or may: its next message is waited for.
    if (!heard && registration.queueMode) return;
    if (occasion === 'registered') this.#o.refusals.forget(registration.endpointName);
    if (this.#missingOf(registration, heard).length === 0) return;
    (heard ? this.#heard : this.#restored).add(registration.registrationId);
  }

  /** What the profiles say has changed: devices that miss something get it, one after the other. */
  ensureAll(): void {
    for (const registration of this.#o.registrations.all()) this.ensure(registration, 'restored');
  }

  desiredOf(endpointName: string): DesiredObservation[] {
    const { registrations, observations, wishes, refusals } = this.#o;
    const registration = registrations.byEndpointName(endpointName);
    const wanted = new Map<string, string>();
    for (const { path } of registration === undefined ? [] : this.#configured(registration))
      wanted.set(path, NO_TICKET);
    for (const { path, ticket } of wishes.of(endpointName)) wanted.set(path, ticket);
    const active = new Map(observations.allOf(endpointName).map((one) => [one.path, one]));
    for (const { path, ticket } of active.values()) wanted.set(path, ticket);
    return Array.from(wanted, ([path, ticket]) => {
      const code = active.has(path) ? undefined : refusals.codeOf(endpointName, path);
      const held = active.get(path)?.doubtful === true ? 'doubtful' : 'active';
      return { path, ticket, state: active.has(path) ? held : code === undefined ? 'missing' : 'refused', code };
    });
  }

  #configured(registration: Registration): Want[] {
    const templates = [...this.#templates, ...this.#o.profiles.of(registration).flatMap(({ observe }) => observe)];
    const ofGateway = isGateway(registration) ? [GATEWAY_WANT] : [];
    const others = templates.flatMap((template) => {
      const { accept, attributes } = template;
      const paths = pathsFor(template, registration);
      return paths.map((path) => ({ path, ticket: NO_TICKET, accept, composite: undefined, attributes }));
    });
    return [...ofGateway, ...others];
  }

  /** Commands come before templates: their tickets are waited for. */
  #missingOf(registration: Registration, heard: boolean): Want[] {
    const { observations, wishes, refusals } = this.#o;
    const { endpointName } = registration;
    const wants = new Map<string, Want>();
    if (heard) for (const one of observations.allOf(endpointName)) if (one.doubtful) wants.set(one.path, one);
    for (const want of [...wishes.of(endpointName), ...this.#configured(registration)]) {
      if (wants.size >= PER_ENDPOINT_LIMIT) break;
      if (wants.has(want.path) || observations.byPath(endpointName, want.path) !== undefined) continue;
      if (refusals.codeOf(endpointName, want.path) === undefined) wants.set(want.path, want);
    }
    return [...wants.values()];
  }

  async #round(registrationId: string, heard: boolean): Promise<void> {
    if (this.#busy.has(registrationId)) return;
    const registration = this.#current(registrationId);
    if (registration === undefined) return;
    this.#busy.add(registrationId);
    try {
      for (const want of this.#missingOf(registration, heard)) await this.#seeTo(registrationId, want);
    } finally {
      this.#busy.delete(registrationId);
    }
    const current = this.#current(registrationId);
    if (current !== undefined && current.links !== registration.links) this.ensure(current, 'updated');
  }

  async #seeTo(registrationId: string, want: Want): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const registration = this.#current(registrationId);
      if (registration === undefined) return;
      try {
        return await this.#observe(registration, want);
      } catch (error) {
        const { endpointName: endpoint } = registration;
        const { path } = want;
        this.#o.log.debug({ endpoint, path, reason: messageOf(error) }, 'a device did not take up an observation');
        // CoAP has repeated the request for long enough.
        if (hasCode(error, 'COAP_TIMEOUT')) return;
        await sleep(backoffMs(attempt), this.#o.signal);
      }
    }
  }

  async #observe(registration: Registration, want: Want): Promise<void> {
    const { requests, notifications, outbox, signal, wishes, refusals, requestTimeoutMs } = this.#o;
    const options = { timeoutMs: Math.min(requestTimeoutMs, LONGEST_WAIT_MS), signal };
    if (want.attributes !== undefined) await this.#writeAttributes(registration, want, options);
    const { endpointName } = registration;
    const result = await requests.start(registration, want, options);
    const { observation, answer, state } = result;
    if (observation === undefined) {
      const refused = answer !== undefined && (!isSuccess(answer.code) || answer.observe === undefined);
      if (refused) refusals.add(endpointName, want.path, answer.code);
      if (want.ticket === NO_TICKET) await outbox.commit(...state());
      else if (refused) wishes.add(endpointName, want);
      return;
    }
    wishes.remove(endpointName, want.path);
    const values = answer === undefined ? [] : notifications.firstValues(observation, answer, result);
    await outbox.commit(...state(), ...values);
  }

  /** A device that does not know the attributes is observed all the same. */
  async #writeAttributes(
    registration: Registration,
    { path, attributes = [] }: Want,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const request = { method: 'PUT', path: uriPath(registration, parsePath(path)), query: attributes } as const;
    const { code } = await this.#o.endpoint.request(registration.peer, request, options);
    if (isSuccess(code)) return;
    const { endpointName: endpoint } = registration;
    this.#o.log.debug({ endpoint, path, code }, 'a device refused the attributes of its profile');
  }

  #current(registrationId: string): Registration | undefined {
    return this.#o.signal.aborted ? undefined : this.#o.registrations.byId(registrationId);
  }
}
