import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '../../common/errors.ts';

/** An address that neither answers nor refuses holds up the next one no longer than this. */
const STAGGER_MS = 1_000;

interface Closable {
  close(): void;
}

/**
 * Opens one of several: tries them in order, the next when one fails or has not answered within STAGGER_MS, until the first is open. The others are
 * cancelled, and closed when they come too late.
 *
 * @throws the last error when none opens
 */
export async function firstToOpen<Address, Opened extends Closable>(
  addresses: readonly Address[],
  open: (address: Address, signal: AbortSignal) => Promise<Opened>,
): Promise<Opened> {
  const others = new AbortController();
  const attempts: Promise<Opened>[] = [];
  let winner: Opened | undefined;
  try {
    for (const address of addresses) {
      const attempt = open(address, others.signal);
      attempts.push(attempt);
      winner = await firstWithin(attempts, attempt);
      if (winner !== undefined) return winner;
    }
    winner = await Promise.any(attempts);
    return winner;
  } catch (error) {
    throw error instanceof AggregateError
      ? (error.errors.at(-1) ?? new PlatformError('KAFKA_UNAVAILABLE', 'there is no broker to ask'))
      : error;
  } finally {
    others.abort();
    for (const attempt of attempts) attempt.then((opened) => opened !== winner && opened.close()).catch(() => {});
  }
}

/** The first that is open; undefined when the latest failed, or when none was in time. */
async function firstWithin<Opened>(
  attempts: readonly Promise<Opened>[],
  latest: Promise<Opened>,
): Promise<Opened | undefined> {
  const patience = new AbortController();
  const none = (): undefined => undefined;
  try {
    return await Promise.race([
      Promise.any(attempts).catch(none),
      latest.catch(none),
      sleep(STAGGER_MS, undefined, { signal: patience.signal }).catch(none),
    ]);
  } finally {
    patience.abort();
  }
}
