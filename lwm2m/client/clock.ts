/** Time for protocol code: tests bring their own. */
export interface Clock {
  /** Milliseconds that only ever grow; not the time of day. */
  now(): number;
  /** Calls `fire` once after the time; the returned function takes it back. */
  after(delayMs: number, fire: () => void): () => void;
}

/** Timers of the platform overflow beyond this and then fire at once; whoever waits longer looks again. */
export const LONGEST_DELAY_MS = 24 * 60 * 60 * 1000;

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, fire) => {
    const timer = setTimeout(fire, Math.min(delayMs, LONGEST_DELAY_MS));
    return () => clearTimeout(timer);
  },
};
