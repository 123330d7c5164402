import { randomBytes as systemRandomBytes } from 'node:crypto';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { AddressProof } from './address-proof.ts';
import { type Assembly, Block1Assembly } from './block1-assembly.ts';
import { Block2Bodies, type KeptBody } from './block2-bodies.ts';
import { ConfirmableSender } from './confirmable-sender.ts';
import { type CoapCounter, createCounters } from './counters.ts';
import { Exchanges } from './exchanges.ts';
import { IdleTransfers } from './idle-transfers.ts';
import { type CoapLimits, checkedLimits } from './limits.ts';
import { emptyConfirmable } from './message.ts';
import { MessageDispatch } from './message-dispatch.ts';
import { type CoapNotification, NotificationReceiver } from './notification-receiver.ts';
import { Notifier, type NotifyOutcome, type OutgoingNotification } from './notifier.ts';
import { type PeerState, PeerTable } from './peer-state.ts';
import { ReplySender } from './reply-sender.ts';
import { type ObservedRequest, type OutgoingRequest, RequestClient, type RequestOptions } from './request-client.ts';
import { RequestMemory } from './request-memory.ts';
import { type RequestHandler, RequestServer } from './request-server.ts';
import type { CoapResponse } from './responses.ts';
import { TimerWheel } from './timer-wheel.ts';
import { TransferSlots } from './transfer-slots.ts';
import type { Peer, Transport, TransportOpener } from './transport.ts';
import { udpTransport } from './udp-transport.ts';

export type { BodySource } from './body-source.ts';
export type { CoapLimits } from './limits.ts';
export type { CoapNotification } from './notification-receiver.ts';
export type { NotifyOutcome, OutgoingNotification } from './notifier.ts';
export type { ObservedRequest, OutgoingRequest, RequestOptions, TransferProgress } from './request-client.ts';
export type { CoapRequest, Respond } from './request-server.ts';
export type { CoapResponse, ResponseToSend } from './responses.ts';

export interface CoapEndpointOptions {
  /** Default: UDP on `address` and `port`, which only it uses. */
  readonly transport?: TransportOpener | undefined;
  /** Literal address to bind; default 127.0.0.1. */
  readonly address?: string | undefined;
  /** 0, the default, takes any free port. */
  readonly port?: number | undefined;
  readonly receiveBufferBytes?: number | undefined;
  /** Answers through `respond`, now or later. What it throws becomes 5.00. */
  onRequest: RequestHandler;
  /** Must settle each one. What it throws leaves the notification unanswered, so that the device repeats it. */
  onNotification(notification: CoapNotification): void;
  /** The request behind a token; needed to fetch the later blocks of a notification. Undefined: rejected. */
  pathOfNotification?(peer: Peer, token: Buffer): ObservedRequest | undefined;
  /** A non-confirmable notification of ours was refused: the observation behind the token is to be dropped. */
  onNotificationReset?(peer: Peer, token: Buffer): void;
  readonly limits?: Partial<CoapLimits> | undefined;
  /** Milliseconds of a clock that never steps back; default: the process clock. */
  readonly now?: (() => number) | undefined;
  /** So many unpredictable bytes; default: the system's. */
  readonly random?: ((count: number) => Buffer) | undefined;
  readonly log?: Log | undefined;
}

const LONGEST_TICK_MS = 50;
const TICKS_PER_ACK_TIMEOUT = 20;

/** One socket in both roles of CoAP: devices behind NAT are reached through the address they registered from. */
export class CoapEndpoint {
  /** Sees every datagram that comes or goes, also one that is no CoAP. Undefined: nobody watches. */
  watch: ((direction: 'in' | 'out', datagram: Uint8Array, peer: Peer) => void) | undefined = undefined;
  /** Datagrams by type × 256 + code, RFC 7252 §3, whatever else is wrong with them. */
  readonly messages = { in: new Float64Array(4 * 256), out: new Float64Array(4 * 256) };
  readonly #options: CoapEndpointOptions;
  readonly #limits: CoapLimits;
  readonly #counters = createCounters();
  readonly #now: () => number;
  readonly #wheel: TimerWheel;
  readonly #peers: PeerTable;
  readonly #memory: RequestMemory;
  readonly #sender: ConfirmableSender;
  readonly #exchanges: Exchanges;
  readonly #assemblies: IdleTransfers<Assembly>;
  readonly #bodies: IdleTransfers<KeptBody>;
  readonly #client: RequestClient;
  readonly #dispatch: MessageDispatch;
  readonly #receiver: NotificationReceiver;
  readonly #notifier: Notifier;
  #transport: Transport | undefined;
  #interval: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: CoapEndpointOptions) {
    this.#options = options;
    const limits = checkedLimits(options.limits);
    this.#limits = limits;
    const counters = this.#counters;
    const now = options.now ?? (() => performance.now());
    const randomBytes = options.random ?? systemRandomBytes;
    const { log } = options;
    const send = (datagram: Buffer, peer: Peer): void => this.#send(datagram, peer);
    const tickMs = Math.max(1, Math.min(LONGEST_TICK_MS, limits.ackTimeoutMs / TICKS_PER_ACK_TIMEOUT));
    const wheel = new TimerWheel(tickMs, now());
    const memory = new RequestMemory(limits);
    const peers = new PeerTable(limits, memory, () => randomBytes(2).readUInt16BE());
    const { random } = options;
    // Spreads retransmissions; nobody gains by guessing it, so the system's generator would be wasted on it.
    const randomFraction = random === undefined ? Math.random : (): number => random(4).readUInt32BE() / 2 ** 32;
    const sender = new ConfirmableSender({ limits, counters, wheel, now, randomFraction, send });
    const exchanges = new Exchanges({ limits, peers, sender, wheel, now });
    const slots = new TransferSlots(limits);
    this.#assemblies = new IdleTransfers<Assembly>(slots, wheel, limits.transferIdleMs);
    this.#bodies = new IdleTransfers<KeptBody>(slots, wheel, limits.transferIdleMs);
    const bodies = new Block2Bodies(this.#bodies);
    const assembly = new Block1Assembly(this.#assemblies, limits.bodyBytes);
    const client = new RequestClient({ limits, exchanges, slots, now, randomBytes });
    const proof = new AddressProof(randomBytes, now);
    const replies = new ReplySender({ limits, counters, memory, sender, wheel, proof, send });
    const server = new RequestServer({
      limits,
      counters,
      memory,
      assembly,
      bodies,
      replies,
      proof,
      wheel,
      now,
      log,
      handler: (request, respond) => options.onRequest(request, respond),
      send,
    });
    this.#receiver = new NotificationReceiver({
      limits,
      counters,
      log,
      onNotification: (notification) => options.onNotification(notification),
      pathOfNotification: (peer, token) => options.pathOfNotification?.(peer, token),
      fetchRest: (peer, observed, first) => client.fetchRest(peer, observed, first),
      send,
    });
    this.#notifier = new Notifier({ limits, peers, sender, bodies, wheel, send });
    this.#dispatch = new MessageDispatch({
      ...{ counters, wheel, peers, sender, exchanges, server },
      receiver: this.#receiver,
      notifier: this.#notifier,
      onNotificationReset: (peer, token) => options.onNotificationReset?.(peer, token),
    });
    this.#now = now;
    this.#wheel = wheel;
    this.#memory = memory;
    this.#peers = peers;
    this.#sender = sender;
    this.#exchanges = exchanges;
    this.#client = client;
  }

  /** Rejects TRANSPORT_BIND, CONFIG_INVALID. */
  static async open(options: CoapEndpointOptions): Promise<CoapEndpoint> {
    const endpoint = new CoapEndpoint(options);
    await endpoint.#start();
    return endpoint;
  }

  get localPort(): number {
    return this.#transport?.localPort ?? 0;
  }

  get localAddress(): string {
    return this.#transport?.localAddress ?? '';
  }

  get counters(): Readonly<Record<CoapCounter, number>> {
    return this.#counters;
  }

  /** What is held now: for metrics and for tests of leaks. */
  get held(): Readonly<Record<'peers' | 'transmissions' | 'requests' | 'notifications' | 'transfers', number>> {
    return {
      peers: this.#peers.size,
      transmissions: this.#sender.total,
      requests: this.#memory.entries,
      notifications: this.#receiver.unsettled,
      transfers: this.#assemblies.size + this.#bodies.size,
    };
  }

  /**
   * Resolves with any response, 4.xx and 5.xx included.
   * Rejects COAP_TIMEOUT, COAP_RESET, COAP_QUEUE_FULL, COAP_CANCELLED, COAP_BLOCK_FAILED, COAP_TOO_LARGE, and
   * COAP_MALFORMED for a response that may not be used (unknown critical option).
   */
  async request(peer: Peer, request: OutgoingRequest, options?: RequestOptions): Promise<CoapResponse> {
    this.#checkOpen();
    return await this.#client.request(peer, request, options);
  }

  /** Rejects COAP_TIMEOUT when never acknowledged, COAP_QUEUE_FULL, COAP_TOO_LARGE, COAP_CANCELLED. */
  async notify(peer: Peer, notification: OutgoingNotification): Promise<NotifyOutcome> {
    this.#checkOpen();
    return await this.#notifier.notify(peer, notification);
  }

  /** Whether the peer shows any sign of life at its CoAP port, RFC 7252 §4.3. */
  async ping(peer: Peer, timeoutMs = Infinity): Promise<boolean> {
    this.#checkOpen();
    const state = this.#peers.obtain(peer, this.#wheel.nowMs);
    if (state === undefined) throw new PlatformError('COAP_QUEUE_FULL', `no room for ${peer.key}`);
    const messageId = state.nextMessageId(this.#wheel.nowMs, this.#limits.exchangeLifetimeMs);
    const outcome = await new Promise((resolve) => {
      const transmission = this.#sender.submit(state, messageId, emptyConfirmable(messageId), (o) => {
        this.#wheel.cancel(timer);
        resolve(o);
      });
      const end = (): void => this.#sender.settle(transmission, 'cancelled');
      const timer = timeoutMs === Infinity ? undefined : this.#wheel.schedule(this.#now(), timeoutMs, end);
    });
    return outcome === 'reset' || outcome === 'acknowledged';
  }

  /** Drops what waits for or comes from this peer; requests reject COAP_CANCELLED. Duplicates stay known. */
  forget(peer: Peer): void {
    const state = this.#peers.find(peer);
    if (state !== undefined) this.#cancelAll(state);
    this.#assemblies.removePeer(peer.key);
    this.#bodies.removePeer(peer.key);
  }

  /**
   * Says that the peer receives at its address, because it knows something that was sent there; from then on replies may be
   * larger than its requests: see `unprovenReplyFactor`.
   */
  trust(peer: Peer): void {
    const state = this.#peers.obtain(peer, this.#wheel.nowMs);
    if (state !== undefined) state.proven = true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#interval);
    for (const state of this.#peers.values()) this.#cancelAll(state);
    await this.#transport?.close();
  }

  async #start(): Promise<void> {
    const open = this.#options.transport ?? udpTransport(this.#options);
    this.#transport = await open({
      onDatagram: (datagram, peer) => this.#take(datagram, peer),
      onError: (error) => {
        this.#counters.sendErrors++;
        this.#options.log?.debug({ err: error.message }, 'a datagram was refused by the system');
      },
    });
    this.#peers.provenFromStart = this.#transport.provesAddresses === true;
    this.#interval = setInterval(() => this.#guard(() => this.#tick()), this.#wheel.tickMs);
  }

  #checkOpen(): void {
    if (this.#closed) throw new PlatformError('COAP_CANCELLED', 'the endpoint is closed');
  }

  #tick(): void {
    this.#wheel.advance(this.#now(), (fire) => this.#guard(fire));
    this.#peers.sweep(this.#wheel.nowMs, this.#wheel.tickMs);
  }

  /** Nothing that arrives may end the process. */
  #take(datagram: Buffer, peer: Peer): void {
    try {
      this.#receive(datagram, peer);
    } catch (error) {
      this.#failed(error);
    }
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#counters.internalFailures++;
    this.#options.log?.error({ err: messageOf(error) }, 'a datagram or deadline could not be handled');
  }

  #send(datagram: Buffer, peer: Peer): void {
    this.#counters.datagramsOut++;
    count(this.messages.out, datagram);
    if (this.watch !== undefined) this.#show('out', datagram, peer);
    this.#transport?.send(datagram, peer);
  }

  /** A fault of the watcher costs nobody a datagram. */
  #show(direction: 'in' | 'out', datagram: Buffer, peer: Peer): void {
    this.#guard(() => this.watch?.(direction, datagram, peer));
  }

  #cancelAll(state: PeerState): void {
    this.#exchanges.failAll(state);
    for (const waiting of [...(state.waiting ?? [])]) this.#sender.settle(waiting, 'cancelled');
    if (state.inFlight !== undefined) this.#sender.settle(state.inFlight, 'cancelled');
  }

  #receive(datagram: Buffer, peer: Peer): void {
    const counters = this.#counters;
    counters.datagramsIn++;
    count(this.messages.in, datagram);
    if (this.watch !== undefined) this.#show('in', datagram, peer);
    if (this.#closed) return;
    this.#dispatch.receive(datagram, peer);
  }
}

/** What is too short to have a type and a code is malformed, and counted there. */
function count(messages: Float64Array, datagram: Uint8Array): void {
  if (datagram.length >= 2) messages[((datagram[0]! & 0x30) << 4) | datagram[1]!]!++;
}
