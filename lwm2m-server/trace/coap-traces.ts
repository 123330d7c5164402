import { PlatformError } from '../../common/errors.ts';
import type { Peer } from '../../lwm2m/coap/transport.ts';
import type { ServerEvents } from '../events.ts';
import type { Registrations } from '../registration/registrations.ts';
import { readDatagram, type TraceEntry } from './trace-entry.ts';

/** Datagrams kept of one device; the oldest goes first. */
export const ENTRIES_PER_DEVICE = 256;
/** Devices traced at a time; a further one is refused. */
export const MAX_TRACED_DEVICES = 32;
/** Requests on secrets whose answers are still to be recognised, per device. */
const SECRET_TOKENS = 64;

/** What the endpoint calls with each datagram while anything is traced. */
export type Watch = (direction: 'in' | 'out', datagram: Uint8Array, peer: Peer) => void;

export type TraceListener = (endpointName: string, entry: TraceEntry) => void;

interface Trace {
  readonly endpointName: string;
  readonly startedAtMs: number;
  readonly entries: TraceEntry[];
  readonly secretTokens: Set<string>;
  /** Who asked for it; it goes on until the last has let go. */
  readonly holders: Set<unknown>;
  peerKey: string | undefined;
  dropped: number;
}

export interface CoapTracesOptions {
  /** The endpoint: watched only while a device is traced. */
  readonly endpoint: { watch: Watch | undefined };
  readonly registrations: Pick<Registrations, 'byEndpointName'>;
  readonly events: ServerEvents;
  readonly now: () => number;
}

/** The CoAP messages of chosen devices. A trace belongs to the endpoint name and follows it to a new address. */
export class CoapTraces {
  readonly #o: CoapTracesOptions;
  readonly #byEndpointName = new Map<string, Trace>();
  readonly #byPeerKey = new Map<string, Trace>();
  readonly #listeners = new Set<TraceListener>();
  #stopFollowing: (() => void) | undefined;

  constructor(options: CoapTracesOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#byEndpointName.size;
  }

  /** Also of a device that is not registered yet: the trace begins with its registration's answer. Throws COAP_QUEUE_FULL. */
  start(endpointName: string, holder: unknown): void {
    const running = this.#byEndpointName.get(endpointName);
    if (running !== undefined) {
      running.holders.add(holder);
      return;
    }
    if (this.size >= MAX_TRACED_DEVICES)
      throw new PlatformError('COAP_QUEUE_FULL', `${MAX_TRACED_DEVICES} devices are traced already`);
    const trace: Trace = {
      endpointName,
      startedAtMs: this.#o.now(),
      entries: [],
      secretTokens: new Set(),
      holders: new Set([holder]),
      peerKey: undefined,
      dropped: 0,
    };
    this.#byEndpointName.set(endpointName, trace);
    this.#follow(trace, this.#o.registrations.byEndpointName(endpointName)?.peer);
    this.#watch();
  }

  /** False when this holder had not asked for it. */
  stop(endpointName: string, holder: unknown): boolean {
    const trace = this.#byEndpointName.get(endpointName);
    if (trace === undefined || !trace.holders.delete(holder)) return false;
    if (trace.holders.size > 0) return true;
    this.#byEndpointName.delete(endpointName);
    this.#follow(trace, undefined);
    this.#watch();
    return true;
  }

  of(endpointName: string): Pick<Trace, 'startedAtMs' | 'entries' | 'dropped'> | undefined {
    return this.#byEndpointName.get(endpointName);
  }

  listen(listener: TraceListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The endpoint is left alone while nothing is traced: its every datagram would pay for it. */
  #watch(): void {
    const { endpoint, events } = this.#o;
    if (this.size === 0) {
      endpoint.watch = undefined;
      this.#stopFollowing?.();
      this.#stopFollowing = undefined;
      return;
    }
    endpoint.watch = this.#see;
    this.#stopFollowing ??= events.listen((event) => {
      if (event.kind !== 'registered' && event.kind !== 'updated') return;
      const trace = this.#byEndpointName.get(event.registration.endpointName);
      if (trace !== undefined) this.#follow(trace, event.registration.peer);
    });
  }

  #follow(trace: Trace, peer: Peer | undefined): void {
    if (trace.peerKey === peer?.key) return;
    if (trace.peerKey !== undefined && this.#byPeerKey.get(trace.peerKey) === trace)
      this.#byPeerKey.delete(trace.peerKey);
    trace.peerKey = peer?.key;
    if (peer !== undefined) this.#byPeerKey.set(peer.key, trace);
  }

  readonly #see: Watch = (direction, datagram, peer) => {
    const trace = this.#byPeerKey.get(peer.key);
    if (trace === undefined) return;
    const isSecretToken = (token: string) => trace.secretTokens.has(token);
    const { entry, token, secret } = readDatagram(datagram, direction === 'in', this.#o.now(), isSecretToken);
    if (secret) rememberToken(trace.secretTokens, token);
    trace.entries.push(entry);
    if (trace.entries.length > ENTRIES_PER_DEVICE) {
      trace.entries.shift();
      trace.dropped++;
    }
    for (const listener of this.#listeners) listener(trace.endpointName, entry);
  };
}

function rememberToken(tokens: Set<string>, token: string): void {
  tokens.delete(token);
  tokens.add(token);
  if (tokens.size > SECRET_TOKENS) tokens.delete(tokens.values().next().value!);
}
