import type { Peer } from '../../lwm2m/coap/transport.ts';
import { Lifetimes, type Mortal } from './lifetimes.ts';
import type { Registration } from './registration.ts';

/** Time after the lifetime in which a late update still finds its registration (network delay, retransmissions). */
const GRACE_MS = 5_000;

interface Held extends Mortal {
  registration: Registration;
}

/** The devices that are registered, by endpoint name, by registration id and by peer, with their lifetimes. Bounded by `limit`. */
export class Registrations {
  readonly limit: number;
  readonly #byEndpointName = new Map<string, Held>();
  readonly #byId = new Map<string, Held>();
  /** Several devices may share a socket, as those of an adapter do. */
  readonly #byPeer = new Map<string, Held | Set<Held>>();
  /** By registration id of the gateway and by prefix: children share its peer and are not found by that. */
  readonly #children = new Map<string, Map<string, Held>>();
  readonly #elapsed: () => number;
  readonly #lifetimes: Lifetimes<Held>;

  /** @param elapsed milliseconds of a clock that never steps: gateways without a battery learn the date long after their start */
  constructor(limit: number, elapsed: () => number) {
    this.limit = limit;
    this.#elapsed = elapsed;
    this.#lifetimes = new Lifetimes();
  }

  get size(): number {
    return this.#byId.size;
  }

  *all(): IterableIterator<Registration> {
    for (const { registration } of this.#byId.values()) yield registration;
  }

  byEndpointName(endpointName: string): Registration | undefined {
    return this.#byEndpointName.get(endpointName)?.registration;
  }

  byId(registrationId: string): Registration | undefined {
    return this.#byId.get(registrationId)?.registration;
  }

  /** All that registered from this peer; not what is behind them. */
  byPeer({ key }: Peer): Registration[] {
    const held = this.#byPeer.get(key);
    if (held === undefined) return [];
    return held instanceof Set ? Array.from(held, ({ registration }) => registration) : [held.registration];
  }

  /** The devices behind a gateway. */
  childrenOf(gatewayRegistrationId: string): Registration[] {
    const held = this.#children.get(gatewayRegistrationId);
    return held === undefined ? [] : Array.from(held.values(), ({ registration }) => registration);
  }

  childByPrefix(gatewayRegistrationId: string, prefix: string): Registration | undefined {
    return this.#children.get(gatewayRegistrationId)?.get(prefix)?.registration;
  }

  hasChildren(gatewayRegistrationId: string): boolean {
    return this.#children.has(gatewayRegistrationId);
  }

  /** True when one more endpoint name would exceed the limit. */
  isFullFor(endpointName: string): boolean {
    return this.size >= this.limit && !this.#byEndpointName.has(endpointName);
  }

  /** Adds a registration in place of an older one of the same endpoint name. @param livesForMs of a restored one what is left */
  add(registration: Registration, livesForMs = fullLifeMs(registration)): void {
    const older = this.#byEndpointName.get(registration.endpointName);
    if (older !== undefined) this.remove(older.registration.registrationId);
    const held: Held = { registration, endsAtSecond: 0, dueAtSecond: 0 };
    this.#byEndpointName.set(registration.endpointName, held);
    this.#byId.set(registration.registrationId, held);
    this.#enter(held);
    this.#lifetimes.set(held, this.#elapsed() + livesForMs);
  }

  /** Puts the updated registration in place of the one with its id. */
  replace(updated: Registration): void {
    const held = this.#byId.get(updated.registrationId);
    if (held === undefined) return this.add(updated);
    const moved = held.registration.peer.key !== updated.peer.key;
    if (moved) this.#leave(held);
    held.registration = updated;
    if (moved) this.#enter(held);
    this.#lifetimes.set(held, this.#elapsed() + fullLifeMs(updated));
  }

  remove(registrationId: string): void {
    const held = this.#byId.get(registrationId);
    if (held === undefined) return;
    this.#byId.delete(registrationId);
    this.#byEndpointName.delete(held.registration.endpointName);
    this.#leave(held);
    this.#lifetimes.delete(held);
  }

  /** Registrations whose lifetime is over; they are still in, until removed. */
  takeExpired(): Registration[] {
    return this.#lifetimes.takeExpired(this.#elapsed()).map(({ registration }) => registration);
  }

  /** Puts an expired one back for a while: its end cannot be recorded, or Kafka kept it from being updated. */
  postpone(registration: Registration, forMs: number): void {
    const held = this.#byId.get(registration.registrationId);
    if (held !== undefined) this.#lifetimes.set(held, this.#elapsed() + forMs);
  }

  #enter(held: Held): void {
    const { behind, peer } = held.registration;
    if (behind !== undefined) {
      const children = this.#children.get(behind.gatewayRegistrationId) ?? new Map<string, Held>();
      children.set(behind.prefix, held);
      this.#children.set(behind.gatewayRegistrationId, children);
      return;
    }
    const { key } = peer;
    const others = this.#byPeer.get(key);
    if (others === undefined) this.#byPeer.set(key, held);
    else if (others instanceof Set) others.add(held);
    else this.#byPeer.set(key, new Set([others, held]));
  }

  #leave(held: Held): void {
    const { behind, peer } = held.registration;
    if (behind !== undefined) {
      const children = this.#children.get(behind.gatewayRegistrationId);
      if (children?.get(behind.prefix) === held) children.delete(behind.prefix);
      if (children?.size === 0) this.#children.delete(behind.gatewayRegistrationId);
      return;
    }
    const { key } = peer;
    const others = this.#byPeer.get(key);
    if (others === held) this.#byPeer.delete(key);
    if (!(others instanceof Set)) return;
    others.delete(held);
    if (others.size === 1) this.#byPeer.set(key, others.values().next().value!);
  }
}

/** From a registration or update to its end. */
export function fullLifeMs({ lifetimeSeconds }: Pick<Registration, 'lifetimeSeconds'>): number {
  return lifetimeSeconds === 0 ? Number.POSITIVE_INFINITY : lifetimeSeconds * 1_000 + GRACE_MS;
}
