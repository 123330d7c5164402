import { messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { CoapCounters } from './counters.ts';
import type { CoapLimits } from './limits.ts';
import { type CoapMessage, emptyAck, emptyReset } from './message.ts';
import {
  ACKNOWLEDGED,
  NotificationMemory,
  type NotificationState,
  REJECTED,
  UNSETTLED,
} from './notification-memory.ts';
import type { PeerState } from './peer-state.ts';
import type { ObservedRequest } from './request-client.ts';
import type { Peer } from './transport.ts';

/**
 * A response whose token belongs to no outstanding request: a notification, or a stranger. Exactly one of the three
 * methods must be called, now or later; further calls do nothing. Until then its duplicates are absorbed.
 */
export interface CoapNotification {
  readonly peer: Peer;
  readonly token: Buffer;
  readonly code: string;
  readonly messageId: number;
  readonly observe?: number | undefined;
  readonly confirmable: boolean;
  readonly contentFormat?: number | undefined;
  /** Whole, also when it came block-wise. */
  readonly payload: Buffer;
  /** CON: an empty ACK, kept for duplicates. NON: nothing is sent. */
  acknowledge(): void;
  /** Reset, RFC 7641 §3.6: the device drops the observation. */
  reject(): void;
  /** No answer, and forgotten: its retransmission is handed up anew. */
  ignore(): void;
}

export interface ReceiverParts {
  readonly limits: CoapLimits;
  readonly counters: CoapCounters;
  readonly log: Log | undefined;
  readonly onNotification: (notification: CoapNotification) => void;
  readonly pathOfNotification: (peer: Peer, token: Buffer) => ObservedRequest | undefined;
  fetchRest(peer: Peer, observed: ObservedRequest, first: CoapMessage): Promise<Buffer>;
  send(datagram: Buffer, peer: Peer): void;
}

class IncomingNotification implements CoapNotification {
  readonly token: Buffer;
  readonly code: string;
  readonly messageId: number;
  readonly observe: number | undefined;
  readonly confirmable: boolean;
  readonly contentFormat: number | undefined;
  payload: Buffer;
  readonly #receiver: NotificationReceiver;
  readonly #state: PeerState;
  readonly #fingerprint: number;
  #settled = false;

  constructor(receiver: NotificationReceiver, state: PeerState, fingerprint: number, message: CoapMessage) {
    const { options } = message;
    this.#receiver = receiver;
    this.#state = state;
    this.#fingerprint = fingerprint;
    this.token = message.token;
    this.code = message.code;
    this.messageId = message.messageId;
    this.observe = options.observe;
    this.confirmable = message.type === 'CON';
    this.contentFormat = options.contentFormat;
    this.payload = message.payload;
  }

  /** As the transport heard it last: the answer goes there. */
  get peer(): Peer {
    return this.#state.peer;
  }

  acknowledge(): void {
    if (!this.#settle(ACKNOWLEDGED)) return;
    this.#state.proven = true; // whoever knows the token has read our request
    if (this.confirmable) this.#receiver.sendAck(this.messageId, this.peer);
  }

  reject(): void {
    if (this.#settle(REJECTED)) this.#receiver.sendReset(this.messageId, this.peer);
  }

  ignore(): void {
    this.#settle(undefined);
  }

  #settle(state: NotificationState | undefined): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#state.notifications?.settle(this.messageId, this.#fingerprint, state);
    this.#receiver.unsettled--;
    return true;
  }
}

/** Takes responses that nobody waits for and keeps them apart from their duplicates, RFC 7252 §4.5, RFC 7641 §3.5. */
export class NotificationReceiver {
  /** Handed up and not settled, over all peers. */
  unsettled = 0;
  readonly #parts: ReceiverParts;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
  }

  /** True for a duplicate: it got what its original got. */
  repeated(state: PeerState, message: CoapMessage, fingerprint: number): boolean {
    const known = state.notifications?.find(message.messageId, fingerprint);
    if (known === undefined) return false;
    this.#parts.counters.duplicates++;
    if (known === REJECTED) this.sendReset(message.messageId, state.peer);
    else if (known === ACKNOWLEDGED && message.type === 'CON') this.sendAck(message.messageId, state.peer);
    return true;
  }

  /** Answers at once a response that needs no handling: a separate response, or one with an unknown critical option. */
  settleNow(state: PeerState, message: CoapMessage, fingerprint: number, outcome: 'acknowledged' | 'rejected'): void {
    const rejected = outcome === 'rejected';
    this.#memoryOf(state).add(message.messageId, fingerprint, rejected ? REJECTED : ACKNOWLEDGED);
    if (message.type !== 'CON') return;
    if (rejected) this.sendReset(message.messageId, state.peer);
    else this.sendAck(message.messageId, state.peer);
  }

  receive(state: PeerState, message: CoapMessage, fingerprint: number): void {
    const { block2 } = message.options;
    const { counters, limits } = this.#parts;
    const memory = this.#memoryOf(state);
    if (this.unsettled >= limits.unsettledNotifications || !memory.add(message.messageId, fingerprint, UNSETTLED)) {
      counters.droppedAtNotificationLimit++;
      return;
    }
    this.unsettled++;
    counters.notificationsIn++;
    const notification = new IncomingNotification(this, state, fingerprint, message);
    if (block2 === undefined || (!block2.more && block2.number === 0)) this.#handUp(notification);
    else this.#complete(notification, message);
  }

  sendAck(messageId: number, peer: Peer): void {
    this.#parts.counters.acknowledgementsOut++;
    this.#parts.send(emptyAck(messageId), peer);
  }

  sendReset(messageId: number, peer: Peer): void {
    this.#parts.counters.resetsOut++;
    this.#parts.send(emptyReset(messageId), peer);
  }

  #memoryOf(state: PeerState): NotificationMemory {
    state.notifications ??= new NotificationMemory(this.#parts.limits.rememberedNotificationsPerPeer);
    return state.notifications;
  }

  /** A first block: the rest is fetched before anybody sees it; if that fails the device repeats the notification. */
  #complete(notification: IncomingNotification, first: CoapMessage): void {
    const observed = this.#requestOf(notification);
    if (observed === undefined) {
      notification.reject();
      return;
    }
    this.#parts.fetchRest(notification.peer, observed, first).then(
      (body) => {
        notification.payload = body;
        this.#handUp(notification);
      },
      (error: unknown) => {
        this.#parts.counters.blockFailures++;
        this.#parts.log?.debug(
          { err: messageOf(error), peer: notification.peer.key },
          'notification cannot be completed',
        );
        notification.ignore();
      },
    );
  }

  #requestOf(notification: IncomingNotification): ObservedRequest | undefined {
    try {
      return this.#parts.pathOfNotification(notification.peer, notification.token);
    } catch (error) {
      this.#handlerFailed(notification, error);
      return undefined;
    }
  }

  #handUp(notification: IncomingNotification): void {
    try {
      const returned: unknown = this.#parts.onNotification(notification);
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#handlerFailed(notification, error));
    } catch (error) {
      this.#handlerFailed(notification, error);
    }
  }

  /** Nothing was promised, so nothing is acknowledged: the device repeats it. */
  #handlerFailed(notification: IncomingNotification, error: unknown): void {
    this.#parts.counters.handlerFailures++;
    this.#parts.log?.error({ err: messageOf(error), peer: notification.peer.key }, 'notification handler failed');
    notification.ignore();
  }
}
