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
  /** Bytes that are not paid for yet, as of a time of `elapsed`; another rate pays for them at its own pace. */
  #owed = 0;
  #owedAtMs = Number.NEGATIVE_INFINITY;

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
    this.#owed = 0;
  }

  /** Counts bytes that leave whatever the rate is. While it is 0 they are free: what leaves then is urgent. */
  spend(bytes: number): void {
    const rate = this.bytesPerSecond;
    if (rate === undefined || rate === 0) return;
    this.#pay(rate);
    this.#owed += bytes;
  }

  #pay(rate: number): void {
    const now = this.#elapsed();
    const paid = ((now - this.#owedAtMs) / 1_000) * rate;
    this.#owed = Math.max((-BURST_MS / 1_000) * rate, this.#owed - paid);
    this.#owedAtMs = now;
  }

  /**
   * Resolves when what was spent before is paid for and the rate is not 0, or when the signal is aborted; the caller then spends.
   * @param mostMs it waits no longer: what goes then is paid for by what follows
   */
  async untilPaid(signal: AbortSignal, mostMs = Number.POSITIVE_INFINITY): Promise<void> {
    const untilMs = this.#elapsed() + mostMs;
    while (!signal.aborted && this.#elapsed() < untilMs) {
      const rate = this.bytesPerSecond;
      if (rate === undefined) return;
      if (rate > 0) this.#pay(rate);
      const waitMs = rate === 0 ? CLOSED_PAUSE_MS : (this.#owed / rate) * 1_000;
      if (waitMs <= 0) return;
      await sleep(Math.min(waitMs, CLOSED_PAUSE_MS, Math.max(0, untilMs - this.#elapsed())), signal);
    }
  }
}

function isWithin({ fromMinute, toMinute }: RateWindow, minute: number): boolean {
  if (fromMinute <= toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}
