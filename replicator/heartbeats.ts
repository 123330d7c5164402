import type { ConsumedBatch } from '../common/kafka/consumer.ts';

/**
 * Runs work on a batch that may take hours, and keeps the consumer in its group meanwhile. When the group has gone on without
 * it, the work's signal is aborted: the partition may belong to another member now.
 */
export async function withHeartbeats<T>(
  batch: ConsumedBatch,
  intervalMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const giveUp = new AbortController();
  const onAbort = () => giveUp.abort();
  if (batch.signal.aborted) giveUp.abort();
  batch.signal.addEventListener('abort', onAbort, { once: true });
  const beat = setInterval(() => void batch.heartbeat().catch((error: unknown) => giveUp.abort(error)), intervalMs);
  try {
    return await work(giveUp.signal);
  } finally {
    clearInterval(beat);
    batch.signal.removeEventListener('abort', onAbort);
  }
}
