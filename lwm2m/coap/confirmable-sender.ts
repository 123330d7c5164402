import { PlatformError } from '../../common/errors.ts';
import type { CoapCounters } from './counters.ts';
import type { CoapLimits } from './limits.ts';
import type { PeerState } from './peer-state.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';
import type { Peer } from './transport.ts';

export type Outcome = 'acknowledged' | 'reset' | 'timeout' | 'cancelled';

/** A confirmable message of ours, waiting for its turn or for its acknowledgement. */
export interface Transmission {
  readonly state: PeerState;
  readonly messageId: number;
  readonly datagram: Buffer;
  readonly settled: (outcome: Outcome) => void;
  repeats: number;
  timeoutMs: number;
  timer: WheelTimer | undefined;
  done: boolean;
}

export interface SenderParts {
  readonly limits: CoapLimits;
  readonly counters: CoapCounters;
  readonly wheel: TimerWheel;
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly randomFraction: () => number;
  send(datagram: Buffer, peer: Peer): void;
}

/** Retransmission with exponential back-off (RFC 7252 §4.2), one message in flight per peer (NSTART = 1, §4.7). */
export class ConfirmableSender {
  readonly #parts: SenderParts;
  #total = 0;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** In flight or waiting, over all peers. */
  get total(): number {
    return this.#total;
  }

  /**
   * Sends now or after those before it. `settled` is called once, never from inside this call.
   * @param fewerRepeats so many retransmissions less than `maxRetransmit`
   * @throws COAP_QUEUE_FULL
   */
  submit(
    state: PeerState,
    messageId: number,
    datagram: Buffer,
    settled: (outcome: Outcome) => void,
    fewerRepeats = 0,
  ): Transmission {
    const { limits } = this.#parts;
    const queued = (state.inFlight === undefined ? 0 : 1) + (state.waiting?.length ?? 0);
    if (queued >= limits.outgoingPerPeer || this.#total >= limits.outgoingTotal) {
      throw new PlatformError(
        'COAP_QUEUE_FULL',
        `${queued} messages wait for ${state.peer.key}, ${this.#total} in all`,
      );
    }
    const transmission: Transmission = {
      state,
      messageId,
      datagram,
      settled,
      repeats: fewerRepeats,
      timeoutMs: limits.ackTimeoutMs * (1 + this.#parts.randomFraction() * (limits.ackRandomFactor - 1)),
      timer: undefined,
      done: false,
    };
    this.#total++;
    if (state.inFlight === undefined) this.#start(transmission);
    else if (state.waiting === undefined) state.waiting = [transmission];
    else state.waiting.push(transmission);
    return transmission;
  }

  /** The transmission that an ACK or Reset with this message id answers. */
  inFlight(state: PeerState | undefined, messageId: number): Transmission | undefined {
    const transmission = state?.inFlight;
    return transmission?.messageId === messageId ? transmission : undefined;
  }

  /** Ends it, in flight or waiting; lets the next one go. Repeated calls do nothing. */
  settle(transmission: Transmission, outcome: Outcome): void {
    if (transmission.done) return;
    transmission.done = true;
    this.#total--;
    this.#parts.wheel.cancel(transmission.timer);
    const { state } = transmission;
    if (state.inFlight === transmission) this.#startNext(state);
    else state.waiting?.splice(state.waiting.indexOf(transmission), 1);
    transmission.settled(outcome);
  }

  #startNext(state: PeerState): void {
    state.inFlight = undefined;
    const next = state.waiting?.shift();
    if (state.waiting?.length === 0) state.waiting = undefined;
    if (next !== undefined) this.#start(next);
  }

  #start(transmission: Transmission): void {
    transmission.state.inFlight = transmission;
    transmission.state.lastActiveAtMs = this.#parts.wheel.nowMs;
    this.#sendAndWait(transmission);
  }

  #sendAndWait(transmission: Transmission): void {
    const { wheel, now } = this.#parts;
    this.#parts.send(transmission.datagram, transmission.state.peer);
    transmission.timer = wheel.schedule(now(), transmission.timeoutMs, () => this.#expired(transmission));
  }

  #expired(transmission: Transmission): void {
    const { counters, limits } = this.#parts;
    if (transmission.repeats >= limits.maxRetransmit) {
      counters.transmissionTimeouts++;
      this.settle(transmission, 'timeout');
      return;
    }
    counters.retransmissions++;
    transmission.repeats++;
    transmission.timeoutMs *= 2;
    this.#sendAndWait(transmission);
  }
}
