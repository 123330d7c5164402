import { PlatformError } from '../../common/errors.ts';
import { type Lwm2mPath, parsePath } from '../../lwm2m/path.ts';

/** One observe relation with a device. It belongs to the registration; the address is looked up there when it is needed. */
export interface Observation {
  readonly endpointName: string;
  readonly registrationId: string;
  /** LwM2M path without the root path of the device. */
  readonly path: string;
  readonly lwm2mPath: Lwm2mPath;
  /** What a composite observation observes; its `path` is then these paths joined with commas, and its `lwm2mPath` the root. */
  readonly composite: CompositeTarget | undefined;
  readonly token: Buffer;
  /** Hex of the token: the observationId of the records. */
  readonly observationId: string;
  /** Ticket of the observe command, or `unset`. */
  readonly ticket: string;
  /** The newest notification so far (RFC 7641 §3.4). */
  newest: { readonly sequence: number; readonly receivedAtMs: number } | undefined;
  /** A notification came from an address that is not the registered one and was answered with a reset: the device has ended the relation. */
  ended: boolean;
}

/** Paths observed by one relation, and the CoAP number of the content format that they were asked in. */
export interface CompositeTarget {
  readonly paths: readonly Lwm2mPath[];
  readonly contentFormat: number;
}

export const NO_TICKET = 'unset';

export type ObservationSpec = Pick<Observation, 'endpointName' | 'registrationId' | 'path' | 'token' | 'ticket'> & {
  readonly composite?: CompositeTarget | undefined;
};

export function makeObservation(spec: ObservationSpec): Observation {
  return {
    ...spec,
    lwm2mPath: spec.composite === undefined ? parsePath(spec.path) : {},
    composite: spec.composite,
    observationId: spec.token.toString('hex'),
    newest: undefined,
    ended: false,
  };
}

/** How many observations one device may have, so that no requester can fill the memory through it. */
export const PER_ENDPOINT_LIMIT = 1_000;

/** All observe relations, by token and by endpoint name and path: one per path of a device. */
export class Observations {
  readonly limit: number;
  readonly #byToken = new Map<string, Observation>();
  readonly #byEndpointName = new Map<string, Map<string, Observation>>();

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
    return this.#byToken.get(token.toString('latin1'));
  }

  byPath(endpointName: string, path: string): Observation | undefined {
    return this.#byEndpointName.get(endpointName)?.get(path);
  }

  /** Puts an observation in place of an older one of the same path. Throws COAP_QUEUE_FULL at the limits. */
  set(observation: Observation): void {
    const paths = this.#byEndpointName.get(observation.endpointName) ?? new Map<string, Observation>();
    const older = paths.get(observation.path);
    if (older === undefined && (this.size >= this.limit || paths.size >= PER_ENDPOINT_LIMIT)) {
      throw new PlatformError(
        'COAP_QUEUE_FULL',
        `no more observations: ${this.size} in all, ${paths.size} of this device`,
      );
    }
    if (older !== undefined) this.#byToken.delete(older.token.toString('latin1'));
    paths.set(observation.path, observation);
    this.#byEndpointName.set(observation.endpointName, paths);
    this.#byToken.set(observation.token.toString('latin1'), observation);
  }

  /** False once it was replaced or removed. */
  holds(observation: Observation): boolean {
    return this.#byToken.get(observation.token.toString('latin1')) === observation;
  }

  remove(observation: Observation): void {
    if (!this.holds(observation)) return;
    this.#byToken.delete(observation.token.toString('latin1'));
    const paths = this.#byEndpointName.get(observation.endpointName);
    paths?.delete(observation.path);
    if (paths?.size === 0) this.#byEndpointName.delete(observation.endpointName);
  }

  allOf(endpointName: string): Observation[] {
    return [...(this.#byEndpointName.get(endpointName)?.values() ?? [])];
  }

  removeAllOf(endpointName: string): void {
    for (const observation of this.allOf(endpointName)) this.remove(observation);
  }
}
