import { sleep } from '../../common/lifecycle.ts';

/** Times of the day with a rate of their own, in local time. */
export interface RateWindow {
  /** Minutes since midnight; a window may pass midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** 0 lets nothing through. */
  readonly bytesPerSecond: number;
}

/** How long nothing is let through before the time of the day is looked at again. */
const CLOSED_PAUSE_MS = 5_000;
/** Unused time counts up to this, so that a quiet second does not become a burst of a minute. */
const BURST_MS = 250;

/**
 * Holds bulk back so that the link is left to others. What is urgent passes at once and is paid for by what follows.
 * One for all lanes of a gateway towards the cloud.
 */
export class RateLimit {
  #bytesPerSecond: number | undefined;
  readonly #windows: readonly RateWindow[];
  readonly #elapsed: () => number;
  readonly #clock: () => Date;
  /** When what was taken so far is paid for (ms of `elapsed`). */
  #paidAtMs = Number.NEGATIVE_INFINITY;

  /** @param bytesPerSecond undefined for no limit outside the windows */
  constructor(
    bytesPerSecond: number | undefined,
    windows: readonly RateWindow[] = [],
    elapsed: () => number = () => performance.now(),
    clock: () => Date = () => new Date(),
  ) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#windows = windows;
    this.#elapsed = elapsed;
    this.#clock = clock;
  }

  /** The rate that holds now; undefined for none. */
  get bytesPerSecond(): number | undefined {
    if (this.#windows.length > 0) {
      const now = this.#clock();
      const minute = now.getHours() * 60 + now.getMinutes();
      for (const window of this.#windows) if (isWithin(window, minute)) return window.bytesPerSecond;
    }
    return this.#bytesPerSecond;
  }

  /** What holds outside the windows. */
  get standing(): number | undefined {
    return this.#bytesPerSecond;
  }

  /** Until the process ends or it is set again; windows still come first. */
  set(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#paidAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Counts bytes that leave whatever the rate is. */
  spend(bytes: number): void {
    const rate = this.bytesPerSecond;
    if (rate === undefined || rate === 0) return;
    this.#paidAtMs = Math.max(this.#paidAtMs, this.#elapsed() - BURST_MS) + (bytes / rate) * 1_000;
  }

  /** Resolves when what was spent before is paid for and the rate is not 0, or when the signal is aborted; the caller then spends. */
  async untilPaid(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const rate = this.bytesPerSecond;
      if (rate === undefined) return;
      const waitMs = rate === 0 ? CLOSED_PAUSE_MS : this.#paidAtMs - this.#elapsed();
      if (waitMs <= 0) return;
      await sleep(Math.min(waitMs, CLOSED_PAUSE_MS), signal);
    }
  }
}

function isWithin({ fromMinute, toMinute }: RateWindow, minute: number): boolean {
  if (fromMinute <= toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}
