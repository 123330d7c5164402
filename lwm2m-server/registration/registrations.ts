import { Lifetimes } from './lifetimes.ts';
import type { Registration } from './registration.ts';

/** Time after the lifetime in which a late update still finds its registration (network delay, retransmissions). */
const GRACE_MS = 5_000;

/** The devices that are registered, by endpoint name and by registration id, with their lifetimes. Bounded by `limit`. */
export class Registrations {
  readonly limit: number;
  readonly #byEndpointName = new Map<string, Registration>();
  readonly #byId = new Map<string, Registration>();
  readonly #elapsed: () => number;
  readonly #lifetimes: Lifetimes;

  /** @param elapsed milliseconds of a clock that never steps: gateways without a battery learn the date long after their start */
  constructor(limit: number, elapsed: () => number) {
    this.limit = limit;
    this.#elapsed = elapsed;
    this.#lifetimes = new Lifetimes(elapsed());
  }

  get size(): number {
    return this.#byId.size;
  }

  all(): IterableIterator<Registration> {
    return this.#byId.values();
  }

  byEndpointName(endpointName: string): Registration | undefined {
    return this.#byEndpointName.get(endpointName);
  }

  byId(registrationId: string): Registration | undefined {
    return this.#byId.get(registrationId);
  }

  /** True when one more endpoint name would exceed the limit. */
  isFullFor(endpointName: string): boolean {
    return this.size >= this.limit && !this.#byEndpointName.has(endpointName);
  }

  /** Adds a registration in place of an older one of the same endpoint name. @param livesForMs of a restored one what is left */
  add(registration: Registration, livesForMs = fullLifeMs(registration)): void {
    const older = this.#byEndpointName.get(registration.endpointName);
    if (older !== undefined) this.remove(older.registrationId);
    this.#byEndpointName.set(registration.endpointName, registration);
    this.#byId.set(registration.registrationId, registration);
    this.#lifetimes.set(registration.registrationId, this.#elapsed() + livesForMs);
  }

  /** Puts the updated registration in place of the one with its id. */
  replace(updated: Registration): void {
    this.#byEndpointName.set(updated.endpointName, updated);
    this.#byId.set(updated.registrationId, updated);
    this.#lifetimes.set(updated.registrationId, this.#elapsed() + fullLifeMs(updated));
  }

  remove(registrationId: string): void {
    const registration = this.#byId.get(registrationId);
    if (registration === undefined) return;
    this.#byId.delete(registrationId);
    this.#byEndpointName.delete(registration.endpointName);
    this.#lifetimes.delete(registrationId);
  }

  /** Registrations whose lifetime is over; they are still in, until removed. */
  takeExpired(): Registration[] {
    return this.#lifetimes.takeExpired(this.#elapsed()).flatMap((id) => this.#byId.get(id) ?? []);
  }

  /** Puts an expired one back for a while: its end cannot be recorded, or Kafka kept it from being updated. */
  postpone(registration: Registration, forMs: number): void {
    this.#lifetimes.set(registration.registrationId, this.#elapsed() + forMs);
  }
}

/** From a registration or update to its end. */
export function fullLifeMs(registration: Pick<Registration, 'lifetimeSeconds'>): number {
  return registration.lifetimeSeconds * 1_000 + GRACE_MS;
}
