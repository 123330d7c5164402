import type { CompositeTarget, Observation } from './observations.ts';
import { NO_TICKET } from './observations.ts';

/** An observation that is wanted, whether or not the device has it now. */
export interface Wish {
  readonly path: string;
  readonly ticket: string;
  readonly accept: number | undefined;
  readonly composite: CompositeTarget | undefined;
}

/**
 * Observations that a command started and that no device holds now, since it left or refused them when it came back: they are
 * started again at its next registration, until a command cancels them. Their entries in the state topic stay as they are.
 */
export class Wishes {
  readonly #limit: number;
  readonly #byEndpointName = new Map<string, Map<string, Wish>>();
  #size = 0;

  /** @param limit of all; beyond it what a device observed ends with its registration */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Those that outlive the registration: started by a command. None of a device when there is no room for all of its. */
  lasting(observations: readonly Observation[]): Observation[] {
    const lasting = observations.filter(({ ticket }) => ticket !== NO_TICKET);
    return this.#size + lasting.length <= this.#limit ? lasting : [];
  }

  /** Takes what `lasting` chose. */
  add(endpointName: string, { path, ticket, accept, composite }: Wish): void {
    const wishes = this.#byEndpointName.get(endpointName) ?? new Map<string, Wish>();
    if (!wishes.has(path)) this.#size++;
    wishes.set(path, { path, ticket, accept, composite });
    this.#byEndpointName.set(endpointName, wishes);
  }

  /** False when there was none. */
  remove(endpointName: string, path: string): boolean {
    const wishes = this.#byEndpointName.get(endpointName);
    if (wishes?.delete(path) !== true) return false;
    this.#size--;
    if (wishes.size === 0) this.#byEndpointName.delete(endpointName);
    return true;
  }

  has(endpointName: string, path: string): boolean {
    return this.#byEndpointName.get(endpointName)?.has(path) === true;
  }

  of(endpointName: string): Wish[] {
    return [...(this.#byEndpointName.get(endpointName)?.values() ?? [])];
  }
}
