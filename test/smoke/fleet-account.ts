import type { PeerEvent } from '../peers/peers.ts';

/** One number that a raw device sent and whose ACK came. */
export interface Acknowledged {
  readonly ep: string;
  readonly value: number;
}

/** What raw devices say of themselves, summed up while it comes: which numbers were acknowledged, and what went wrong. */
export class FleetAccount {
  /** In the order of their ACKs. */
  readonly acknowledged: Acknowledged[] = [];
  /** How often each event came. */
  readonly counts = new Map<string, number>();
  readonly observed = new Set<string>();
  /** Numbers sent at the end whose fate is not known to the device: at most one of each. */
  pending = 0;

  readonly onEvent = (event: PeerEvent): void => {
    this.counts.set(event.event, this.count(event.event) + 1);
    if (event.event === 'acknowledged') this.acknowledged.push({ ep: String(event.ep), value: Number(event.value) });
    if (event.event === 'observed') this.observed.add(String(event.ep));
    if (event.event === 'summary') this.pending += Number(event.pending);
  };

  count(event: string): number {
    return this.counts.get(event) ?? 0;
  }

  /** To be handed to `since`. */
  get mark(): number {
    return this.acknowledged.length;
  }

  since(mark: number): readonly Acknowledged[] {
    return this.acknowledged.slice(mark);
  }
}

/** The highest number of each device. */
export function highestOf(numbers: readonly Acknowledged[]): ReadonlyMap<string, number> {
  const highest = new Map<string, number>();
  for (const { ep, value } of numbers) highest.set(ep, Math.max(value, highest.get(ep) ?? value));
  return highest;
}
