import assert from 'node:assert/strict';
import { sleep } from '../../common/lifecycle.ts';

/** Polls until the check gives a value other than undefined or false; fails with what it was waiting for and what went wrong last. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await check();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline)
      assert.fail(`not within ${withinMs} ms: ${what}${last === undefined ? '' : ` (${String(last)})`}`);
    await sleep(100);
  }
}
