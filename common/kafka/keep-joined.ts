import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';

/** A membership that lasted so long was a good one: what ended it is a first failure. */
const GOOD_MEMBERSHIP_MS = 60_000;

/** Joins a consumer group again and again until the signal is aborted. `stay` resolves with the reason when a membership has ended. */
export async function keepJoined(
  o: { readonly groupId: string; readonly signal: AbortSignal; readonly log: Log },
  stay: () => Promise<string>,
): Promise<void> {
  for (let attempt = 0; !o.signal.aborted; attempt++) {
    const startedMs = performance.now();
    const reason = await stay();
    if (o.signal.aborted) return;
    if (performance.now() - startedMs > GOOD_MEMBERSHIP_MS) attempt = 0;
    if (attempt === 0) o.log.warn({ groupId: o.groupId, reason }, 'the group was left; it is joined again by itself');
    await sleep(backoffMs(attempt), o.signal);
  }
}
