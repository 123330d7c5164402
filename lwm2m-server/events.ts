import type { AvroResponseObserve } from '../schemas/generated/records.ts';
import type { Registration, RegistrationEnd } from './registration/registration.ts';

/** What happens at this gateway, told to whoever listens in this process; the records in Kafka are the lasting account of it. */
export type ServerEvent =
  | { readonly kind: 'registered'; readonly registration: Registration }
  | { readonly kind: 'updated'; readonly registration: Registration }
  | { readonly kind: 'deregistered'; readonly registration: Registration; readonly end: RegistrationEnd }
  /** A value of an observation or of a Send, as its record has it; told when the record goes to Kafka, so one may be told twice. */
  | { readonly kind: 'notification' | 'send'; readonly record: AvroResponseObserve }
  /** Of queue mode: the device listens now, or no longer. */
  | { readonly kind: 'awake' | 'sleeping'; readonly registration: Registration };

export type ServerEventListener = (event: ServerEvent) => void;

/** Tells listeners at once and in order. A listener only takes note: it must not block, and its fault is nobody else's. */
export class ServerEvents {
  readonly #listeners = new Set<ServerEventListener>();
  readonly #onFault: (error: unknown) => void;
  /** Ask before making an event: on the path of notifications this is all that an absent listener costs. */
  hasListeners = false;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  /** Returns what ends the listening. */
  listen(listener: ServerEventListener): () => void {
    this.#listeners.add(listener);
    this.hasListeners = true;
    return () => {
      this.#listeners.delete(listener);
      this.hasListeners = this.#listeners.size > 0;
    };
  }

  emit(event: ServerEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}
