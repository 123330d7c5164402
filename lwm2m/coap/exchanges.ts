import { PlatformError } from '../../common/errors.ts';
import type { ConfirmableSender, Outcome, Transmission } from './confirmable-sender.ts';
import type { CoapLimits } from './limits.ts';
import { type CoapMessage, type CoapOption, encodeMessage } from './message.ts';
import type { PeerState, PeerTable } from './peer-state.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';
import type { Peer } from './transport.ts';

/** One request message of ours, ready but for its message id. */
export interface RequestMessage {
  readonly code: string;
  readonly token: Buffer;
  readonly options: readonly CoapOption[];
  readonly payload: Buffer;
}

/** A request that awaits its response, matched by peer and token (RFC 7252 §5.3.2). */
export interface Exchange {
  readonly key: string;
  readonly state: PeerState;
  transmission: Transmission | undefined;
  timer: WheelTimer | undefined;
  readonly resolve: (response: CoapMessage) => void;
  readonly reject: (error: PlatformError) => void;
}

export interface ExchangesParts {
  readonly limits: CoapLimits;
  readonly peers: PeerTable;
  readonly sender: ConfirmableSender;
  readonly wheel: TimerWheel;
  readonly now: () => number;
}

function keyOf(token: Buffer): string {
  return token.toString('latin1');
}

/** The outstanding requests of all peers. */
export class Exchanges {
  readonly #parts: ExchangesParts;
  #total = 0;

  constructor(parts: ExchangesParts) {
    this.#parts = parts;
  }

  /**
   * One request message, one response. A token that is already outstanding with this peer is refused.
   * @param deadlineMs on the endpoint's clock; `responseTimeoutMs` applies as well
   * Rejects COAP_TIMEOUT, COAP_RESET, COAP_QUEUE_FULL, COAP_CANCELLED.
   */
  send(
    peer: Peer,
    request: RequestMessage,
    deadlineMs = Infinity,
    signal: AbortSignal | undefined = undefined,
  ): Promise<CoapMessage> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) throw cancelled(peer);
      const state = this.#admit(peer);
      const key = keyOf(request.token);
      if (state.exchanges?.has(key) === true) {
        throw new PlatformError('COAP_QUEUE_FULL', `the token is in use with ${peer.key}`);
      }
      const onAbort = (): void => this.fail(exchange, cancelled(peer));
      const exchange: Exchange = {
        key,
        state,
        transmission: undefined,
        timer: undefined,
        resolve: (response) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(response);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      this.#start(exchange, request, deadlineMs);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** The exchange a response belongs to. Builds no string when nothing is outstanding with this peer. */
  find(state: PeerState | undefined, token: Buffer): Exchange | undefined {
    if (state?.exchanges === undefined) return undefined;
    return state.exchanges.get(keyOf(token));
  }

  /** A response counts as the acknowledgement too, RFC 7252 §5.2.2. */
  complete(exchange: Exchange, response: CoapMessage): void {
    exchange.state.proven = true; // it has read a token that nobody can guess
    this.#end(exchange, 'acknowledged');
    exchange.resolve(response);
  }

  fail(exchange: Exchange, error: PlatformError): void {
    if (this.#end(exchange, 'cancelled')) exchange.reject(error);
  }

  failAll(state: PeerState): void {
    for (const exchange of [...(state.exchanges?.values() ?? [])]) this.fail(exchange, cancelled(state.peer));
  }

  #admit(peer: Peer): PeerState {
    const { limits, peers, wheel } = this.#parts;
    const state = peers.obtain(peer, wheel.nowMs);
    if (
      state === undefined ||
      (state.exchanges?.size ?? 0) >= limits.outgoingPerPeer ||
      this.#total >= limits.outgoingTotal
    ) {
      throw new PlatformError('COAP_QUEUE_FULL', `${this.#total} requests are outstanding, too many for ${peer.key}`);
    }
    return state;
  }

  #start(exchange: Exchange, request: RequestMessage, deadlineMs: number): void {
    const { limits, sender, wheel, now } = this.#parts;
    const { state } = exchange;
    const messageId = state.nextMessageId(wheel.nowMs, limits.exchangeLifetimeMs);
    const datagram = encodeMessage({ type: 'CON', messageId, ...request });
    exchange.transmission = sender.submit(state, messageId, datagram, (outcome) => this.#sent(exchange, outcome));
    state.exchanges ??= new Map();
    state.exchanges.set(exchange.key, exchange);
    this.#total++;
    const nowMs = now();
    const waitMs = Math.max(0, Math.min(limits.responseTimeoutMs, deadlineMs - nowMs));
    exchange.timer = wheel.schedule(nowMs, waitMs, () =>
      this.fail(exchange, new PlatformError('COAP_TIMEOUT', `no response from ${state.peer.key} in time`)),
    );
  }

  #sent(exchange: Exchange, outcome: Outcome): void {
    const { key } = exchange.state.peer;
    if (outcome === 'timeout') {
      this.fail(exchange, new PlatformError('COAP_TIMEOUT', `no acknowledgement from ${key}`));
    } else if (outcome === 'reset') {
      this.fail(exchange, new PlatformError('COAP_RESET', `${key} answered with a reset`));
    } else if (outcome === 'cancelled') {
      this.fail(exchange, cancelled(exchange.state.peer));
    }
  }

  /** False when it had ended before. */
  #end(exchange: Exchange, outcome: Outcome): boolean {
    const { state } = exchange;
    if (state.exchanges?.get(exchange.key) !== exchange) return false;
    state.exchanges.delete(exchange.key);
    if (state.exchanges.size === 0) state.exchanges = undefined;
    this.#total--;
    this.#parts.wheel.cancel(exchange.timer);
    if (exchange.transmission !== undefined) this.#parts.sender.settle(exchange.transmission, outcome);
    return true;
  }
}

export function cancelled(peer: Peer): PlatformError {
  return new PlatformError('COAP_CANCELLED', `the request to ${peer.key} was withdrawn`);
}
