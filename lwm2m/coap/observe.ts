/** An Observe number and when it was received, in ms of any one clock. */
export interface ReceivedSequence {
  readonly sequence: number;
  readonly receivedAtMs: number;
}

/** Numbers are 24 bits; half the ring is "newer". */
const HALF_RING = 2 ** 23;
/** After so long any number is newer: a server cannot send 2^23 notifications in less. */
const ALWAYS_FRESHER_AFTER_MS = 128_000;

/** Whether `next` carries a newer state than `previous`, RFC 7641 §3.4. The same number is not fresher. */
export function isFresherNotification(previous: ReceivedSequence, next: ReceivedSequence): boolean {
  const v1 = previous.sequence;
  const v2 = next.sequence;
  return (
    (v1 < v2 && v2 - v1 < HALF_RING) ||
    (v1 > v2 && v1 - v2 > HALF_RING) ||
    next.receivedAtMs > previous.receivedAtMs + ALWAYS_FRESHER_AFTER_MS
  );
}
