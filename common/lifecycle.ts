import { setTimeout as delay } from 'node:timers/promises';
import { isRetriable, messageOf } from './errors.ts';
import type { Log } from './log.ts';

/** Resolves after the time or at once when the signal is aborted; never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** Pause before the next attempt: doubling, with full jitter above the first, so that a thousand gateways do not return in step. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 20));
  return FIRST_PAUSE_MS / 2 + random() * (ceiling - FIRST_PAUSE_MS / 2);
}

/** What every service is given: when to stop, and where to log. */
export interface ServiceContext {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Failures in a row, a second or two of them, that are not worth a warning while neighbours start. */
const QUIET_ATTEMPTS = 3;

/** Repeats what fails in a retriable way until it is done; undefined when the signal is aborted first. Warns once. */
export async function untilDone<T>(
  doing: string,
  { signal, log }: ServiceContext,
  work: () => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isRetriable(error)) throw error;
      if (attempt === QUIET_ATTEMPTS)
        log.warn({ doing, reason: messageOf(error) }, 'this does not succeed yet; it goes on by itself');
      await sleep(backoffMs(attempt), signal);
    }
  }
  return undefined;
}

/** What was opened, to be closed in reverse order; one that fails to close does not keep the others open. */
export class Closers {
  readonly #stack: { readonly name: string; readonly close: () => Promise<unknown> | unknown }[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, close: () => Promise<unknown> | unknown): void {
    this.#stack.push({ name, close });
  }

  async closeAll(): Promise<void> {
    for (let top = this.#stack.pop(); top !== undefined; top = this.#stack.pop()) {
      try {
        await top.close();
      } catch (error) {
        this.#log.warn({ closing: top.name, reason: messageOf(error) }, 'something did not close cleanly');
      }
    }
  }
}

/** Resolves when the signal is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
