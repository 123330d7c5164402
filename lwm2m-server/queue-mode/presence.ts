import { Lifetimes, type Mortal } from '../registration/lifetimes.ts';
import type { Registration } from '../registration/registration.ts';

export interface PresenceOptions {
  /** How long a device listens after each message of its own. */
  readonly awakeWindowMs: number;
  /** The window of this device, where its profile says one; asked when it registers or updates. */
  windowOf?(registration: Registration): number | undefined;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
  /** Who listens for it: of a device behind a gateway the gateway. Absent: itself. */
  hostOf?(registration: Registration): Registration | undefined;
  /** It spoke after a silence: what waits for it may leave. */
  onAwake(registration: Registration): void;
  onSleeping(registration: Registration): void;
}

interface Awake extends Mortal {
  registration: Registration;
  heardAtMs: number;
  windowMs: number;
}

/**
 * Which devices of queue mode listen now: each message of a device keeps it awake for a window. Holds those that are awake, so at
 * most one for each registration; a device without queue mode always listens and costs nothing here.
 */
export class Presence {
  readonly #o: PresenceOptions;
  readonly #awake = new Map<string, Awake>();
  readonly #windows = new Lifetimes<Awake>();

  constructor(options: PresenceOptions) {
    this.#o = options;
  }

  /** Devices of queue mode that are awake. */
  get size(): number {
    return this.#awake.size;
  }

  /** The device sent something, and nobody else can have. */
  heard(heard: Registration): void {
    const registration = this.#hostOf(heard);
    if (!registration.queueMode) return this.forget(registration.endpointName);
    this.#keepAwake(registration, this.#o.elapsed());
  }

  /** A restored device may be awake yet. @param agoMs what the wall clock says since it was heard last; that clock may have stepped */
  heardBefore(registration: Registration, agoMs: number): void {
    if (registration.queueMode && agoMs >= 0 && agoMs < this.#windowOf(registration))
      this.#keepAwake(registration, this.#o.elapsed() - agoMs);
  }

  #keepAwake(registration: Registration, heardAtMs: number): void {
    const held = this.#awake.get(registration.endpointName);
    const wasAwake = held !== undefined && this.#listens(held);
    const awake = held ?? { registration, heardAtMs, windowMs: 0, endsAtSecond: 0, dueAtSecond: 0 };
    if (held?.registration !== registration) awake.windowMs = this.#windowOf(registration);
    awake.registration = registration;
    awake.heardAtMs = heardAtMs;
    if (held === undefined) this.#awake.set(registration.endpointName, awake);
    this.#windows.set(awake, heardAtMs + awake.windowMs);
    if (!wasAwake) this.#o.onAwake(registration);
  }

  /** It was asked and does not answer: taken for asleep until it speaks, unless it spoke since. */
  silent(registration: Registration, askedAtMs: number): void {
    const held = this.#awake.get(this.#hostOf(registration).endpointName);
    if (held === undefined || held.heardAtMs > askedAtMs) return;
    this.#end(held);
  }

  isAwake(registration: Registration): boolean {
    if (!registration.queueMode) return true;
    const held = this.#awake.get(this.#hostOf(registration).endpointName);
    return held !== undefined && this.#listens(held);
  }

  /** On the clock that never steps; undefined when it sleeps. A device without queue mode never does. */
  awakeUntilMs(registration: Registration): number | undefined {
    if (!registration.queueMode) return Number.POSITIVE_INFINITY;
    const held = this.#awake.get(this.#hostOf(registration).endpointName);
    return held === undefined || !this.#listens(held) ? undefined : held.heardAtMs + held.windowMs;
  }

  /** The registration ended, or has no queue mode any more. */
  forget(endpointName: string): void {
    const held = this.#awake.get(endpointName);
    if (held === undefined) return;
    this.#awake.delete(endpointName);
    this.#windows.delete(held);
  }

  /** Once a second: tells of those whose window is over. */
  tick(): void {
    for (const held of this.#windows.takeExpired(this.#o.elapsed())) this.#end(held);
  }

  #end(held: Awake): void {
    this.forget(held.registration.endpointName);
    this.#o.onSleeping(held.registration);
  }

  #listens({ heardAtMs, windowMs }: Awake): boolean {
    return heardAtMs + windowMs > this.#o.elapsed();
  }

  #hostOf(registration: Registration): Registration {
    return registration.behind === undefined ? registration : (this.#o.hostOf?.(registration) ?? registration);
  }

  #windowOf(registration: Registration): number {
    return this.#o.windowOf?.(registration) ?? this.#o.awakeWindowMs;
  }
}
