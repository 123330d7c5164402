import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from './errors.ts';
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
