import { PlatformError } from '../../common/errors.ts';
import type { Transmission } from './confirmable-sender.ts';
import type { Exchange } from './exchanges.ts';
import type { CoapLimits } from './limits.ts';
import type { NotificationMemory } from './notification-memory.ts';
import type { RequestMemory, RequestsOfPeer } from './request-memory.ts';
import type { Peer } from './transport.ts';

/** Message ids are watched in so many shares: with more the limit is reached later, by at most one share. */
const SHARES = 16;
const IDS_PER_SHARE = 2 ** 16 / SHARES;

/** All that is known of one peer. Each part is made when first needed and belongs to the class that its type names. */
export class PeerState {
  /** Where the transport heard it last: replies and retransmissions go there. */
  peer: Peer;
  lastActiveAtMs: number;
  inFlight: Transmission | undefined = undefined;
  waiting: Transmission[] | undefined = undefined;
  exchanges: Map<string, Exchange> | undefined = undefined;
  requests: RequestsOfPeer | undefined = undefined;
  notifications: NotificationMemory | undefined = undefined;
  /** Token by message id of the last non-confirmable notifications to this peer. */
  unconfirmed: Map<number, Buffer> | undefined = undefined;
  /** It receives at its address: it returned something that only who reads there can know. */
  proven = false;
  /** Of non-confirmable notifications to it since it was last heard. */
  unansweredBytes = 0;
  #messageId: number;
  /** When each share of the message ids was last used up; made when the first one is. */
  #usedUpAtMs: Float64Array | undefined = undefined;

  constructor(peer: Peer, firstMessageId: number, nowMs: number) {
    this.peer = peer;
    this.#messageId = firstMessageId;
    this.lastActiveAtMs = nowMs;
  }

  /**
   * Message ids count up per peer from a random start, and none is used twice within the exchange lifetime (RFC 7252 §4.4).
   * @throws COAP_QUEUE_FULL when the next ones were in use so lately
   */
  nextMessageId(nowMs: number, exchangeLifetimeMs: number): number {
    const messageId = this.#messageId;
    if (messageId % IDS_PER_SHARE === 0) this.#enterShare(messageId / IDS_PER_SHARE, nowMs, exchangeLifetimeMs);
    this.#messageId = (messageId + 1) & 0xffff;
    return messageId;
  }

  #enterShare(share: number, nowMs: number, exchangeLifetimeMs: number): void {
    this.#usedUpAtMs ??= new Float64Array(SHARES).fill(-Infinity);
    if (nowMs - this.#usedUpAtMs[share]! <= exchangeLifetimeMs) {
      throw new PlatformError(
        'COAP_QUEUE_FULL',
        `${this.peer.key} was sent 65,536 messages within the exchange lifetime`,
      );
    }
    this.#usedUpAtMs[(share + SHARES - 1) % SHARES] = nowMs;
  }

  heardFrom(peer: Peer): void {
    this.peer = peer;
    this.unansweredBytes = 0;
  }

  get outgoing(): number {
    return (this.inFlight === undefined ? 0 : 1) + (this.waiting?.length ?? 0) + (this.exchanges?.size ?? 0);
  }

  /** Nothing is under way and nothing remembered can still be repeated. */
  isIdle(nowMs: number, exchangeLifetimeMs: number): boolean {
    return (
      nowMs - this.lastActiveAtMs > exchangeLifetimeMs &&
      this.outgoing === 0 &&
      (this.notifications?.unsettled ?? 0) === 0
    );
  }
}

/** One sweep over all peers takes about so long, a few at every tick. */
const SWEEP_MS = 30_000;

/** At the limit of peers a newcomer pays for looking at no more than so many. */
const LOOKED_AT_FOR_ROOM = 16;

/** The peers that are or were lately in contact. Silent ones go away, so a fleet that comes and goes leaves nothing. */
export class PeerTable {
  readonly #limits: CoapLimits;
  readonly #memory: RequestMemory;
  readonly #randomMessageId: () => number;
  readonly #peers = new Map<string, PeerState>();
  #hand: IterableIterator<PeerState> = this.#peers.values();
  #share = 0;
  /** The transport itself proves the addresses of its peers. */
  provenFromStart = false;

  constructor(limits: CoapLimits, memory: RequestMemory, randomMessageId: () => number) {
    this.#limits = limits;
    this.#memory = memory;
    this.#randomMessageId = randomMessageId;
  }

  get size(): number {
    return this.#peers.size;
  }

  find(peer: Peer): PeerState | undefined {
    return this.#peers.get(peer.key);
  }

  /** For what arrived: the address it came from is the peer's from now on. Undefined at the limit of peers. */
  heard(peer: Peer, nowMs: number): PeerState | undefined {
    const state = this.obtain(peer, nowMs);
    if (state !== undefined) state.heardFrom(peer);
    return state;
  }

  /** The same, but a stranger gets no state. */
  heardIfKnown(peer: Peer): PeerState | undefined {
    const state = this.#peers.get(peer.key);
    if (state !== undefined) state.heardFrom(peer);
    return state;
  }

  /** For what we send. An address that the caller kept may be older than the one known here. Undefined at the limit of peers. */
  obtain(peer: Peer, nowMs: number): PeerState | undefined {
    const known = this.#peers.get(peer.key);
    if (known !== undefined) {
      known.lastActiveAtMs = nowMs;
      return known;
    }
    if (this.#peers.size >= this.#limits.peers && !this.#dropStranger()) return undefined;
    const state = new PeerState(peer, this.#randomMessageId(), nowMs);
    state.proven = this.provenFromStart;
    this.#peers.set(peer.key, state);
    return state;
  }

  /** Makes room at the limit: whoever floods with forged addresses pushes out other strangers, no peer that was proven. */
  #dropStranger(): boolean {
    for (let looked = 0; looked < LOOKED_AT_FOR_ROOM; looked++) {
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = this.#peers.values();
        return false;
      }
      const state = next.value;
      if (state.proven || state.outgoing > 0 || (state.notifications?.unsettled ?? 0) > 0) continue;
      if (state.requests !== undefined && !this.#memory.forgetAnswered(state.requests)) continue;
      this.#peers.delete(state.peer.key);
      return true;
    }
    return false;
  }

  values(): IterableIterator<PeerState> {
    return this.#peers.values();
  }

  /** Looks at the share of peers that one tick is due, by the most peers there were in this round. */
  sweep(nowMs: number, tickMs: number): void {
    const roundMs = Math.min(SWEEP_MS, this.#limits.exchangeLifetimeMs / 2);
    this.#share = Math.max(this.#share, Math.ceil((this.#peers.size * tickMs) / roundMs));
    for (let looked = 0; looked < this.#share; looked++) {
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = this.#peers.values();
        this.#share = 0;
        return;
      }
      this.#tidy(next.value, nowMs);
    }
  }

  #tidy(state: PeerState, nowMs: number): void {
    if (state.requests !== undefined) {
      this.#memory.forgetExpired(state.requests, nowMs);
      if (state.requests.size === 0) state.requests = undefined;
    }
    if (state.isIdle(nowMs, this.#limits.exchangeLifetimeMs) && state.requests === undefined) {
      this.#peers.delete(state.peer.key);
    }
  }
}
