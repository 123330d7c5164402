import { PlatformError } from '../../common/errors.ts';
import { isFresherNotification } from '../../lwm2m/coap/observe.ts';
import { type Lwm2mPath, parsePath } from '../../lwm2m/path.ts';

/** One observe relation with a device. It belongs to the registration; the address is looked up there when it is needed. */
export class Observation {
  readonly endpointName: string;
  readonly registrationId: string;
  /** LwM2M path without the root path of the device. */
  readonly path: string;
  readonly lwm2mPath: Lwm2mPath;
  /** What a composite observation observes; its `path` is then these paths joined with commas, and its `lwm2mPath` the root. */
  readonly composite: CompositeTarget | undefined;
  /** Hex of the token: the observationId of the records. */
  readonly observationId: string;
  /** Ticket of the observe command, or `unset`. */
  readonly ticket: string;
  /** Content format number that was asked for, if any; asked for again when it is restored. */
  readonly accept: number | undefined;
  /**
   * Whether the device still holds it is not known: it was restored by a start of ours and not heard since, or a notification came
   * from another address and was answered with a reset. The next update has it checked.
   */
  doubtful: boolean;
  /** Observe number of the newest notification and when it came, in ms of the elapsed clock; -1 before the first (RFC 7641 §3.4). */
  #newestSequence = NONE;
  #newestAtMs = 0;

  constructor(spec: ObservationSpec) {
    this.endpointName = spec.endpointName;
    this.registrationId = spec.registrationId;
    const shared = sharedPath(spec.path, spec.composite !== undefined);
    this.path = shared.text;
    this.lwm2mPath = shared.path;
    this.composite = spec.composite;
    this.observationId = spec.token.toString('hex');
    this.ticket = spec.ticket === NO_TICKET ? NO_TICKET : spec.ticket;
    this.accept = spec.accept;
    this.doubtful = spec.doubtful ?? false;
  }

  get token(): Buffer {
    return Buffer.from(this.observationId, 'hex');
  }

  /** Takes note of a notification from the registered peer; false when it is older than one before it. */
  note(sequence: number, receivedAtMs: number): boolean {
    this.doubtful = false;
    const at = Math.trunc(receivedAtMs);
    const known = { sequence: this.#newestSequence, receivedAtMs: this.#newestAtMs };
    if (known.sequence !== NONE && !isFresherNotification(known, { sequence, receivedAtMs: at })) return false;
    this.#newestSequence = sequence;
    this.#newestAtMs = at;
    return true;
  }
}

const NONE = -1;
const ROOT: Lwm2mPath = {};

/** Paths in use, by their text: a fleet observes a few on all its devices. Beyond the limit each has its own. */
const PATHS_LIMIT = 10_000;
const paths = new Map<string, { readonly text: string; readonly path: Lwm2mPath }>();

/** Throws LWM2M_PATH. */
function sharedPath(text: string, isComposite: boolean): { readonly text: string; readonly path: Lwm2mPath } {
  const known = paths.get(text);
  if (known !== undefined) return known;
  const made = { text, path: isComposite ? ROOT : parsePath(text) };
  if (paths.size < PATHS_LIMIT) paths.set(text, made);
  return made;
}

/** Paths observed by one relation, and the CoAP number of the content format that they were asked in. */
export interface CompositeTarget {
  readonly paths: readonly Lwm2mPath[];
  readonly contentFormat: number;
}

export const NO_TICKET = 'unset';

export type ObservationSpec = Pick<Observation, 'endpointName' | 'registrationId' | 'path' | 'token' | 'ticket'> & {
  readonly composite?: CompositeTarget | undefined;
  readonly accept?: number | undefined;
  readonly doubtful?: boolean;
};

export function makeObservation(spec: ObservationSpec): Observation {
  return new Observation(spec);
}

/** How many observations one device may have, so that no requester can fill the memory through it. */
export const PER_ENDPOINT_LIMIT = 1_000;

/** `ended`: cancelled, refused or replaced. `unregistered`: its registration ended. */
export type TokenFate = 'unknown' | 'ended' | 'unregistered';

/** Tokens that are remembered after their end, to tell strangers from devices that did not learn of it. The oldest goes first. */
const FATES_LIMIT = 10_000;

/** The observations of one endpoint: most have one, and a map for it would cost more than the observation. */
type OfEndpoint = Observation | Map<string, Observation>;

/** All observe relations, by token and by endpoint name and path: one per path of a device. */
export class Observations {
  readonly limit: number;
  readonly #byToken = new Map<string, Observation>();
  readonly #byEndpointName = new Map<string, OfEndpoint>();
  readonly #fates = new Map<string, TokenFate>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#byToken.size;
  }

  all(): IterableIterator<Observation> {
    return this.#byToken.values();
  }

  byToken(token: Buffer): Observation | undefined {
    return this.#byToken.get(token.toString('hex'));
  }

  /** Why there is no observation with this token, as far as it is remembered. */
  fateOf(token: Buffer): TokenFate {
    return this.#fates.get(token.toString('hex')) ?? 'unknown';
  }

  byPath(endpointName: string, path: string): Observation | undefined {
    const held = this.#byEndpointName.get(endpointName);
    if (held instanceof Map) return held.get(path);
    return held?.path === path ? held : undefined;
  }

  /** Puts an observation in place of an older one of the same path. Throws COAP_QUEUE_FULL at the limits. */
  set(observation: Observation): void {
    const { endpointName, path } = observation;
    const held = this.#byEndpointName.get(endpointName);
    const older = this.byPath(endpointName, path);
    const count = held instanceof Map ? held.size : held === undefined ? 0 : 1;
    if (older === undefined && (this.size >= this.limit || count >= PER_ENDPOINT_LIMIT)) {
      throw new PlatformError('COAP_QUEUE_FULL', `no more observations: ${this.size} in all, ${count} of this device`);
    }
    if (older !== undefined) this.#drop(older, 'ended');
    this.#fates.delete(observation.observationId);
    this.#byToken.set(observation.observationId, observation);
    if (held instanceof Map) held.set(path, observation);
    else if (held === undefined || held === older) this.#byEndpointName.set(endpointName, observation);
    else this.#byEndpointName.set(endpointName, new Map([held, observation].map((one) => [one.path, one])));
  }

  /** False once it was replaced or removed. */
  holds(observation: Observation): boolean {
    return this.#byToken.get(observation.observationId) === observation;
  }

  remove(observation: Observation, fate: TokenFate = 'ended'): void {
    if (!this.holds(observation)) return;
    this.#drop(observation, fate);
    const held = this.#byEndpointName.get(observation.endpointName);
    if (held instanceof Map) held.delete(observation.path);
    if (held === observation || (held instanceof Map && held.size === 0))
      this.#byEndpointName.delete(observation.endpointName);
  }

  allOf(endpointName: string): Observation[] {
    const held = this.#byEndpointName.get(endpointName);
    if (held instanceof Map) return [...held.values()];
    return held === undefined ? [] : [held];
  }

  removeAllOf(endpointName: string): void {
    for (const observation of this.allOf(endpointName)) this.remove(observation, 'unregistered');
  }

  #drop({ observationId }: Observation, fate: TokenFate): void {
    this.#byToken.delete(observationId);
    if (this.#fates.size >= FATES_LIMIT) this.#fates.delete(this.#fates.keys().next().value!);
    this.#fates.set(observationId, fate);
  }
}
