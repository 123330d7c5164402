import { PlatformError } from '../../common/errors.ts';

/**
 * Every limit of the endpoint and what happens at it. Protocol times are those of RFC 7252 §4.8; all times in ms.
 */
export interface CoapLimits {
  /** ACK_TIMEOUT: first retransmission after this × a random factor from 1 to `ackRandomFactor`, then doubled. */
  readonly ackTimeoutMs: number;
  readonly ackRandomFactor: number;
  /** MAX_RETRANSMIT: after so many repeats without an answer a message fails with COAP_TIMEOUT. */
  readonly maxRetransmit: number;
  /** EXCHANGE_LIFETIME: how long a handled request is remembered, and a silent peer kept. */
  readonly exchangeLifetimeMs: number;
  /** A confirmable request that is not answered by then gets an empty ACK and later a separate response. */
  readonly separateAfterMs: number;
  /** Longest wait for the response of one exchange, from its submission; then COAP_TIMEOUT. */
  readonly responseTimeoutMs: number;
  /**
   * Peers with state. At it a newcomer takes the place of an idle one whose address was never proven; when a short look finds
   * none its datagrams are dropped, and requests to it fail COAP_QUEUE_FULL.
   */
  readonly peers: number;
  /** Messages in flight or waiting, and requests awaiting a response, per peer. At it: COAP_QUEUE_FULL. */
  readonly outgoingPerPeer: number;
  /** The same over all peers. */
  readonly outgoingTotal: number;
  /**
   * Answered requests kept per peer for duplicates. At it the oldest answered one is forgotten: a peer with
   * NSTART = 1 that has begun a later request does not repeat the earlier. While all of them are still being handled, more are dropped.
   */
  readonly rememberedRequestsPerPeer: number;
  /**
   * The same over all peers. At it nothing is forgotten for a newcomer: a peer may replace its own oldest answered
   * request, GET and FETCH (which change nothing) are served unremembered, anything else is dropped without an
   * answer, so that the peer retransmits.
   */
  readonly rememberedRequestsTotal: number;
  /** Bytes of all remembered replies; behaves as `rememberedRequestsTotal`. */
  readonly rememberedReplyBytes: number;
  /**
   * Notifications remembered per peer. At it the oldest settled one is forgotten: its Observe number still tells
   * a repeat. One that is not settled yet is never forgotten: if all are unsettled, more are dropped unanswered.
   */
  readonly rememberedNotificationsPerPeer: number;
  /** Notifications handed up and not settled, over all peers. At it more are dropped unanswered: the device repeats. */
  readonly unsettledNotifications: number;
  /**
   * Until a peer has proved that it receives at its address, no reply to it is larger than so many times its request
   * (amplification, RFC 7252 §11.3): a refusal loses its text, anything else becomes 4.01 with a challenge (Echo, RFC 9175).
   */
  readonly unprovenReplyFactor: number;
  /**
   * Bytes of non-confirmable notifications to one peer since its last sign of life (in place of PROBING_RATE, RFC 7252 §4.7). At it
   * they go confirmable, with the back-off that this brings.
   */
  readonly unansweredBytes: number;
  /** Preferred block size, a power of two from 16 to 1024 (RFC 7959 §2.2); longer bodies go block-wise. */
  readonly blockSizeBytes: number;
  /** Longest body, either way. Incoming: 4.13 with Size1, or COAP_TOO_LARGE. */
  readonly bodyBytes: number;
  /** Longest body that is read from a source while it is sent, either way. Above it: COAP_TOO_LARGE, or 5.00. */
  readonly sourceBytes: number;
  /** Block-wise bodies being assembled or kept per peer. At it: 5.03, or COAP_QUEUE_FULL. */
  readonly transfersPerPeer: number;
  /** The same over all peers. */
  readonly transfersTotal: number;
  /** Bytes in all assembled and kept bodies. At it: 5.03, or COAP_QUEUE_FULL. */
  readonly transferBytes: number;
  /** A transfer without a block for so long is dropped. */
  readonly transferIdleMs: number;
}

export const DEFAULT_LIMITS: CoapLimits = {
  ackTimeoutMs: 2_000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
  exchangeLifetimeMs: 247_000,
  separateAfterMs: 1_000,
  responseTimeoutMs: 247_000,
  peers: 200_000,
  outgoingPerPeer: 64,
  outgoingTotal: 100_000,
  rememberedRequestsPerPeer: 32,
  rememberedRequestsTotal: 262_144,
  rememberedReplyBytes: 32 * 2 ** 20,
  rememberedNotificationsPerPeer: 64,
  unsettledNotifications: 100_000,
  unprovenReplyFactor: 3,
  unansweredBytes: 2_048,
  blockSizeBytes: 1_024,
  bodyBytes: 2 ** 20,
  sourceBytes: 100 * 2 ** 20,
  transfersPerPeer: 8,
  transfersTotal: 2_000,
  transferBytes: 64 * 2 ** 20,
  transferIdleMs: 60_000,
};

const BLOCK_SIZES: readonly number[] = [16, 32, 64, 128, 256, 512, 1024];

export function isBlockSize(bytes: number): boolean {
  return BLOCK_SIZES.includes(bytes);
}

/** The defaults with the given limits in their place. @throws CONFIG_INVALID */
export function checkedLimits(given: Partial<CoapLimits> = {}): CoapLimits {
  const limits: CoapLimits = { ...DEFAULT_LIMITS, ...given };
  const faults = Object.entries(limits).filter(([, value]) => !(Number.isFinite(value) && value >= 0));
  if (!isBlockSize(limits.blockSizeBytes)) faults.push(['blockSizeBytes', limits.blockSizeBytes]);
  if (!(limits.unprovenReplyFactor >= 1)) faults.push(['unprovenReplyFactor', limits.unprovenReplyFactor]);
  if (!(limits.ackTimeoutMs > 0)) faults.push(['ackTimeoutMs', limits.ackTimeoutMs]);
  if (!(limits.ackRandomFactor >= 1)) faults.push(['ackRandomFactor', limits.ackRandomFactor]);
  if (!(limits.rememberedNotificationsPerPeer >= 8)) {
    faults.push(['rememberedNotificationsPerPeer', limits.rememberedNotificationsPerPeer]);
  }
  if (faults.length === 0) return limits;
  throw new PlatformError('CONFIG_INVALID', `CoAP limits out of range: ${faults.map(([name]) => name).join(', ')}`);
}
