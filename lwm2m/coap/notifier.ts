import { PlatformError } from '../../common/errors.ts';
import { type Block2Bodies, cutBlock } from './block2-bodies.ts';
import type { ConfirmableSender, Outcome } from './confirmable-sender.ts';
import { transferKey } from './idle-transfers.ts';
import type { CoapLimits } from './limits.ts';
import { asBuffer, encodeMessage, fingerprintOf } from './message.ts';
import type { PeerState, PeerTable } from './peer-state.ts';
import { type ResponseToSend, responseOptions } from './responses.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { Peer } from './transport.ts';

/** A notification of ours, in the role of the observed device. */
export interface OutgoingNotification {
  /** Of the request that asked for it. */
  readonly token: Uint8Array;
  /** Default 2.05. */
  readonly code?: string | undefined;
  /** 24 bits, counting up. */
  readonly observe: number;
  readonly confirmable: boolean;
  readonly contentFormat?: number | undefined;
  readonly payload: Uint8Array;
  /** The observed resource: under it the later blocks of a long payload are served. */
  readonly path: readonly string[];
  /** Of an observation by FETCH: the body of its request. */
  readonly fetchPayload?: Uint8Array | undefined;
}

export type NotifyOutcome = 'acknowledged' | 'reset' | 'sent';

/** Non-confirmable notifications per peer whose Reset would still be understood; the oldest is forgotten at it. */
const UNCONFIRMED_PER_PEER = 16;

export interface NotifierParts {
  readonly limits: CoapLimits;
  readonly peers: PeerTable;
  readonly sender: ConfirmableSender;
  readonly bodies: Block2Bodies;
  readonly wheel: TimerWheel;
  send(datagram: Buffer, peer: Peer): void;
}

/** Sends notifications, RFC 7641 §4. */
export class Notifier {
  readonly #parts: NotifierParts;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  /**
   * Rejects COAP_TIMEOUT, COAP_QUEUE_FULL, COAP_TOO_LARGE, COAP_CANCELLED. A non-confirmable one is `sent` at once; but to a peer
   * that has long shown no sign of life it goes confirmable: see `unansweredBytes`.
   */
  async notify(peer: Peer, notification: OutgoingNotification): Promise<NotifyOutcome> {
    const { peers, wheel, sender, limits } = this.#parts;
    const state = peers.obtain(peer, wheel.nowMs);
    if (state === undefined)
      throw new PlatformError('COAP_QUEUE_FULL', `no room for another peer, ${peers.size} are known`);
    const messageId = state.nextMessageId(wheel.nowMs, limits.exchangeLifetimeMs);
    const confirmable = notification.confirmable || state.unansweredBytes >= limits.unansweredBytes;
    const datagram = this.#encode(state, messageId, confirmable ? 'CON' : 'NON', notification);
    if (!confirmable) {
      this.#remember(state, messageId, asBuffer(notification.token));
      state.unansweredBytes += datagram.length;
      this.#parts.send(datagram, state.peer);
      return 'sent';
    }
    const outcome = await new Promise<Outcome>((resolve) => sender.submit(state, messageId, datagram, resolve));
    if (outcome === 'timeout') throw new PlatformError('COAP_TIMEOUT', `no acknowledgement from ${peer.key}`);
    if (outcome === 'cancelled')
      throw new PlatformError('COAP_CANCELLED', `the notification to ${peer.key} was withdrawn`);
    return outcome;
  }

  /** The token of the non-confirmable notification that a Reset refuses, RFC 7641 §3.6. */
  refusedToken(state: PeerState | undefined, messageId: number): Buffer | undefined {
    const token = state?.unconfirmed?.get(messageId);
    state?.unconfirmed?.delete(messageId);
    return token;
  }

  #remember(state: PeerState, messageId: number, token: Buffer): void {
    state.unconfirmed ??= new Map();
    state.unconfirmed.set(messageId, token);
    if (state.unconfirmed.size <= UNCONFIRMED_PER_PEER) return;
    for (const oldest of state.unconfirmed.keys()) {
      state.unconfirmed.delete(oldest);
      return;
    }
  }

  #encode(state: PeerState, messageId: number, type: 'CON' | 'NON', notification: OutgoingNotification): Buffer {
    const { code = '2.05', observe, contentFormat } = notification;
    const payload = asBuffer(notification.payload);
    const token = asBuffer(notification.token);
    const response: ResponseToSend = { code, observe, contentFormat };
    const { blockSizeBytes, bodyBytes } = this.#parts.limits;
    if (payload.length <= blockSizeBytes) {
      const { options } = responseOptions(response);
      return encodeMessage({ type, code, messageId, token, options, payload });
    }
    if (payload.length > bodyBytes)
      throw new PlatformError('COAP_TOO_LARGE', `${payload.length} bytes exceed ${bodyBytes}`);
    const etag = this.#keep(state, notification, response, payload);
    const cut = cutBlock(payload.length, undefined, blockSizeBytes)!; // block 0 of a body is always there
    const { options } = responseOptions({ ...response, etag })
      .block('Block2', cut.block)
      .uint('Size2', payload.length);
    return encodeMessage({ type, code, messageId, token, options, payload: payload.subarray(0, cut.length) });
  }

  /** Keeps the body for the requests that will ask for its later blocks; returns its ETag. */
  #keep(
    state: PeerState,
    { path, fetchPayload }: OutgoingNotification,
    response: ResponseToSend,
    payload: Buffer,
  ): Buffer {
    const { bodies } = this.#parts;
    const { key: peerKey } = state.peer;
    const key =
      fetchPayload === undefined
        ? transferKey(peerKey, 'GET', path, [], 0)
        : transferKey(peerKey, 'FETCH', path, [], fingerprintOf(fetchPayload));
    const { etag } = bodies.keep(key, peerKey, response, payload);
    if (fetchPayload !== undefined) bodies.nameFetched(key);
    return etag;
  }
}
