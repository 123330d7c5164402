/** Statements that are sent ahead of their answers; bounds what waits in the socket. */
const AT_ONCE = 256;

/**
 * Runs the work for all items, many at once. When some fail it throws the first error, but only after the others have settled,
 * so that nothing is still under way when the caller tries again.
 */
export async function inFlight<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    for (const settled of await Promise.allSettled(items.slice(at, at + AT_ONCE).map(work))) {
      if (settled.status === 'rejected') throw settled.reason;
      results.push(settled.value);
    }
  }
  return results;
}
