import { hasCode, messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { CoapResponse, OutgoingRequest } from '../coap/endpoint.ts';
import type { Peer } from '../coap/transport.ts';
import { CONTENT_FORMATS } from '../content/content-formats.ts';
import type { Clock } from './clock.ts';

export type RegistrationState = 'registering' | 'registered' | 'unregistered';

export interface RegistrationTiming {
  /** Longest wait for the answer to one Register or Update; short lifetimes shorten it. */
  readonly requestTimeoutMs: number;
  /** Pause after the first failure; doubled by each further one. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export const DEFAULT_TIMING: RegistrationTiming = {
  requestTimeoutMs: 15_000,
  firstPauseMs: 1_000,
  longestPauseMs: 60_000,
};

export interface RegistrationParts {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly timing: RegistrationTiming;
  readonly log?: Log | undefined;
  readonly endpointName: string;
  readonly version: '1.0' | '1.1';
  lifetimeSeconds(): number;
  links(): string;
  /** Where the server is now; looked up again for each new registration. */
  resolveServer(): Promise<Peer>;
  request(
    peer: Peer,
    request: OutgoingRequest,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<CoapResponse>;
  /** Everything under way to the server is void: a Register follows. */
  onStartOver(peer: Peer): void;
  onRegistered(): void;
  /** The server answered an Update. */
  onSignOfLife(): void;
}

/** An Update is sent after this part of the lifetime, plus up to as much of it again as `UPDATE_SPREAD`. */
const UPDATE_AFTER = 0.45;
const UPDATE_SPREAD = 0.2;
/** One attempt may take this part of the lifetime, so that several fit into it. */
const ATTEMPT_SHARE = 0.25;
const DEREGISTER_TIMEOUT_MS = 2_000;
/** Doubts are looked into by an Update, but not more often. */
const LEAST_DOUBT_INTERVAL_MS = 5_000;

interface Failure {
  /** The server names its own pause (5.03 with Max-Age). */
  readonly retryAfterMs?: number;
}

/**
 * Keeps one device registered: Register, Updates in time, Register anew when the server does not know it any more
 * (4.04) or was silent for a whole lifetime. Until then silence is met with further Updates, since a server that
 * comes back may remember. Pauses grow and are spread at random, so that a fleet does not return in step.
 */
export class Registration {
  readonly #parts: RegistrationParts;
  readonly #abort = new AbortController();
  #state: RegistrationState = 'unregistered';
  #server: Peer | undefined;
  #location: readonly string[] | undefined;
  #aliveAtMs = Number.NEGATIVE_INFINITY;
  #sentLifetimeSeconds = 0;
  #linksChanged = false;
  #failures = 0;
  #wake: (() => void) | undefined;
  #kicked = false;
  #loop: Promise<void> | undefined;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
  }

  get state(): RegistrationState {
    return this.#state;
  }

  get server(): Peer | undefined {
    return this.#server;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Sends an Update soon: `links` when instances changed. */
  update(what: 'links' | 'now'): void {
    if (what === 'links') this.#linksChanged = true;
    this.#kick();
  }

  /** The server may have forgotten this device: ask, unless it answered a moment ago. */
  doubt(): void {
    if (this.#parts.clock.now() - this.#aliveAtMs >= LEAST_DOUBT_INTERVAL_MS) this.#kick();
  }

  /** Ends all attempts and deregisters, best effort within 2 s. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#wake?.();
    await this.#loop;
    if (this.#location !== undefined && this.#server !== undefined) {
      const request: OutgoingRequest = { method: 'DELETE', path: this.#location };
      await this.#parts
        .request(this.#server, request, { timeoutMs: DEREGISTER_TIMEOUT_MS })
        .catch((error: unknown) => this.#parts.log?.debug({ reason: messageOf(error) }, 'could not deregister'));
    }
    this.#location = undefined;
    this.#state = 'unregistered';
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const failure = await this.#attempt();
      if (this.#abort.signal.aborted) return;
      if (failure === undefined) {
        this.#failures = 0;
        await this.#pause(this.#untilUpdateMs(), true);
      } else {
        await this.#pause(failure.retryAfterMs ?? this.#backoffMs(), false);
      }
    }
  }

  #kick(): void {
    this.#kicked = true;
    if (this.#failures === 0) this.#wake?.();
  }

  /** @param kickable whether an Update asked for meanwhile ends the pause; a pause after a failure is kept */
  async #pause(delayMs: number, kickable: boolean): Promise<void> {
    if (kickable && this.#kicked) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  #untilUpdateMs(): number {
    return this.#parts.lifetimeSeconds() * 1000 * (UPDATE_AFTER + UPDATE_SPREAD * this.#parts.random());
  }

  #backoffMs(): number {
    const { firstPauseMs, longestPauseMs } = this.#parts.timing;
    const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#failures - 1, 20));
    return ceiling * (0.5 + 0.5 * this.#parts.random());
  }

  async #attempt(): Promise<Failure | undefined> {
    this.#kicked = false;
    try {
      const isOver = this.#parts.clock.now() - this.#aliveAtMs > this.#sentLifetimeSeconds * 1000;
      if (this.#location === undefined || isOver) return await this.#register();
      return await this.#update();
    } catch (error) {
      return this.#failed({ reason: messageOf(error) }, hasCode(error, 'COAP_RESET'));
    }
  }

  #failed(what: { readonly reason: string }, forgotten: boolean, failure: Failure = {}): Failure {
    if (forgotten) this.#location = undefined;
    if (this.#abort.signal.aborted) return failure;
    if (this.#state !== 'registering' || this.#failures === 0) {
      this.#parts.log?.warn(what, 'the LwM2M server does not take this device; trying on');
    }
    this.#state = 'registering';
    this.#failures++;
    return failure;
  }

  async #register(): Promise<Failure | undefined> {
    const { endpointName, version } = this.#parts;
    this.#state = 'registering';
    this.#location = undefined;
    this.#linksChanged = false;
    const lifetimeSeconds = this.#parts.lifetimeSeconds();
    const server = await this.#parts.resolveServer();
    this.#server = server;
    this.#parts.onStartOver(server);
    const response = await this.#send(server, {
      method: 'POST',
      path: ['rd'],
      query: [`ep=${endpointName}`, `lt=${lifetimeSeconds}`, `lwm2m=${version}`, 'b=U'],
      contentFormat: CONTENT_FORMATS.LINK.number,
      payload: Buffer.from(this.#parts.links()),
    });
    if (response.code !== '2.01' || response.locationPath.length === 0) return this.#refused(response);
    this.#location = response.locationPath;
    this.#alive(lifetimeSeconds);
    this.#parts.onRegistered();
    return undefined;
  }

  /** Only what changed is sent along. */
  async #update(): Promise<Failure | undefined> {
    const lifetimeSeconds = this.#parts.lifetimeSeconds();
    const withLinks = this.#linksChanged;
    this.#linksChanged = false;
    const body = withLinks
      ? { contentFormat: CONTENT_FORMATS.LINK.number, payload: Buffer.from(this.#parts.links()) }
      : {};
    const query = lifetimeSeconds === this.#sentLifetimeSeconds ? [] : [`lt=${lifetimeSeconds}`];
    const response = await this.#send(this.#server!, { method: 'POST', path: this.#location!, query, ...body });
    if (response.code === '2.04') {
      this.#alive(lifetimeSeconds);
      this.#parts.onSignOfLife();
      return undefined;
    }
    if (!response.code.startsWith('4.')) {
      this.#linksChanged ||= withLinks;
      return this.#refused(response);
    }
    return await this.#register();
  }

  #alive(lifetimeSeconds: number): void {
    this.#aliveAtMs = this.#parts.clock.now();
    this.#sentLifetimeSeconds = lifetimeSeconds;
    this.#state = 'registered';
    if (this.#failures > 0) this.#parts.log?.info('the LwM2M server takes this device again');
  }

  #refused(response: CoapResponse): Failure {
    const { longestPauseMs } = this.#parts.timing;
    const named = response.code === '5.03' ? response.maxAgeSeconds : undefined;
    const retryAfterMs = named === undefined ? undefined : Math.min(named * 1000, longestPauseMs);
    const failure = retryAfterMs === undefined ? {} : { retryAfterMs: retryAfterMs * (1 + this.#parts.random()) };
    return this.#failed({ reason: `answered ${response.code}` }, false, failure);
  }

  async #send(server: Peer, request: OutgoingRequest): Promise<CoapResponse> {
    const share = this.#parts.lifetimeSeconds() * 1000 * ATTEMPT_SHARE;
    const timeoutMs = Math.min(this.#parts.timing.requestTimeoutMs, Math.max(share, 1_000));
    return await this.#parts.request(server, request, { timeoutMs, signal: this.#abort.signal });
  }
}
