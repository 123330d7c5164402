import { sleep } from '../../common/lifecycle.ts';

export interface UntilOptions {
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly pauseMs?: number;
}

/** Asks again until the answer is not undefined. A question that throws counts as not answered; its last error is told at the timeout. */
export async function until<T>(question: () => Promise<T | undefined> | T | undefined, o: UntilOptions): Promise<T> {
  const deadline = performance.now() + o.timeoutMs;
  let last: unknown;
  for (;;) {
    o.signal.throwIfAborted();
    try {
      const answer = await question();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`${o.what}: not within ${o.timeoutMs / 1_000} s${last === undefined ? '' : ` (${last})`}`);
    }
    await sleep(o.pauseMs ?? 250, o.signal);
  }
}

/** True as an answer, false as none. */
export function held(condition: boolean): true | undefined {
  return condition ? true : undefined;
}

/** What a promise says, or the abort, whichever is first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
