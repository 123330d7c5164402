import { PlatformError } from '../../common/errors.ts';
import type { ConfirmableSender } from './confirmable-sender.ts';
import type { CoapCounter } from './counters.ts';
import type { Exchanges } from './exchanges.ts';
import {
  type CoapMessage,
  type FrameFault,
  fingerprintOf,
  messageIdOf,
  messageTypeOf,
  readMessage,
} from './message.ts';
import type { NotificationReceiver } from './notification-receiver.ts';
import type { Notifier } from './notifier.ts';
import type { PeerState, PeerTable } from './peer-state.ts';
import type { RequestServer } from './request-server.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { Peer } from './transport.ts';

/** Each reason to drop a datagram unread has a counter of its own. */
const MALFORMED = {
  header: 'malformedHeader',
  empty: 'malformedEmpty',
  code: 'malformedCode',
  token: 'malformedToken',
  options: 'malformedOptions',
  payload: 'malformedPayload',
} as const satisfies Record<FrameFault, CoapCounter>;

export interface MessageDispatchOptions {
  readonly counters: Record<CoapCounter, number>;
  readonly wheel: TimerWheel;
  readonly peers: PeerTable;
  readonly sender: ConfirmableSender;
  readonly exchanges: Exchanges;
  readonly server: RequestServer;
  readonly receiver: NotificationReceiver;
  readonly notifier: Notifier;
  onNotificationReset(peer: Peer, token: Buffer): void;
}

/** Reads a datagram and brings it to whom it concerns: by type, code, message id and token (RFC 7252 §4.2, §5.3.2). */
export class MessageDispatch {
  readonly #o: MessageDispatchOptions;

  constructor(options: MessageDispatchOptions) {
    this.#o = options;
  }

  receive(datagram: Buffer, peer: Peer): void {
    const message = readMessage(datagram);
    if (typeof message === 'string') this.#onMalformed(message, datagram, peer);
    else if (message.type === 'ACK') this.#onAcknowledgement(message, peer);
    else if (message.type === 'RST') this.#onReset(message, peer);
    else if (message.code === '0.00') this.#onEmpty(message, peer);
    else this.#onContent(message, datagram, peer);
  }

  /** What cannot be read is dropped; a confirmable message with a format error is rejected, RFC 7252 §4.2. */
  #onMalformed(fault: FrameFault, datagram: Buffer, peer: Peer): void {
    this.#o.counters.malformed++;
    this.#o.counters[MALFORMED[fault]]++;
    if (fault === 'header' || messageTypeOf(datagram) !== 'CON') return;
    this.#o.receiver.sendReset(messageIdOf(datagram), peer);
  }

  /** Ping: an empty confirmable message is answered with a Reset, RFC 7252 §4.3; a non-confirmable one has no meaning. */
  #onEmpty(message: CoapMessage, peer: Peer): void {
    if (message.type !== 'CON') {
      this.#o.counters.droppedUnknownMessages++;
      return;
    }
    this.#o.counters.pingsIn++;
    this.#o.receiver.sendReset(message.messageId, peer);
  }

  #onContent(message: CoapMessage, datagram: Buffer, peer: Peer): void {
    const state = this.#o.peers.heard(peer, this.#o.wheel.nowMs);
    if (state === undefined) this.#o.counters.droppedAtPeerLimit++;
    else if (message.code.startsWith('0.')) this.#o.server.receive(state, message, datagram);
    else this.#onResponse(state, message, datagram);
  }

  /** A response in a message of its own: separate, or a notification. */
  #onResponse(state: PeerState, message: CoapMessage, datagram: Buffer): void {
    const fingerprint = fingerprintOf(datagram);
    if (this.#o.receiver.repeated(state, message, fingerprint)) return;
    const { options } = message;
    if (options.badCritical || options.badBlock) {
      this.#o.receiver.settleNow(state, message, fingerprint, 'rejected');
      this.#refuseResponse(state, message);
      return;
    }
    const exchange = this.#o.exchanges.find(state, message.token);
    if (exchange === undefined) {
      this.#o.receiver.receive(state, message, fingerprint);
      return;
    }
    this.#o.receiver.settleNow(state, message, fingerprint, 'acknowledged');
    this.#o.counters.responsesIn++;
    this.#o.exchanges.complete(exchange, message);
  }

  /** A critical option that we do not know forbids to use the response, RFC 7252 §5.4.1. */
  #refuseResponse(state: PeerState, message: CoapMessage): void {
    this.#o.counters.badCriticalOptions++;
    const exchange = this.#o.exchanges.find(state, message.token);
    if (exchange === undefined) return;
    this.#o.exchanges.fail(
      exchange,
      new PlatformError('COAP_MALFORMED', 'the response has an unusable critical option'),
    );
  }

  /** Empty, or with the response in it: that must match by message id and by token, RFC 7252 §5.3.2. */
  #onAcknowledgement(message: CoapMessage, peer: Peer): void {
    this.#o.counters.acknowledgementsIn++;
    const state = this.#o.peers.heardIfKnown(peer);
    const transmission = this.#o.sender.inFlight(state, message.messageId);
    if (state === undefined || transmission === undefined) {
      this.#o.counters.unmatchedAcknowledgements++;
    } else if (message.code === '0.00') {
      this.#o.sender.settle(transmission, 'acknowledged');
    } else {
      const exchange = this.#o.exchanges.find(state, message.token);
      if (exchange?.transmission !== transmission) this.#o.counters.unmatchedResponses++;
      else this.#onPiggybacked(state, message);
    }
  }

  #onPiggybacked(state: PeerState, message: CoapMessage): void {
    const { options } = message;
    if (options.badCritical || options.badBlock || message.code.startsWith('0.')) {
      this.#refuseResponse(state, message);
      return;
    }
    this.#o.counters.responsesIn++;
    const exchange = this.#o.exchanges.find(state, message.token);
    if (exchange !== undefined) this.#o.exchanges.complete(exchange, message);
  }

  #onReset(message: CoapMessage, peer: Peer): void {
    this.#o.counters.resetsIn++;
    const state = this.#o.peers.heardIfKnown(peer);
    const transmission = this.#o.sender.inFlight(state, message.messageId);
    const token = this.#o.notifier.refusedToken(state, message.messageId);
    if (message.code !== '0.00') this.#o.counters.droppedUnknownMessages++;
    else if (transmission !== undefined) this.#o.sender.settle(transmission, 'reset');
    else if (token !== undefined) this.#o.onNotificationReset(peer, token);
    else this.#o.counters.unmatchedAcknowledgements++;
  }
}
