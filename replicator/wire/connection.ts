import type { Socket } from 'node:net';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Api } from './api.ts';
import { authenticate } from './authenticate.ts';
import { brokerError } from './broker-errors.ts';
import { FrameAssembler } from './frame-assembler.ts';
import type { FrameMemory } from './frame-pool.ts';
import { type PendingRequest, PendingRequests } from './pending-requests.ts';
import { frameOf } from './request-frame.ts';
import { API_VERSIONS, type ApiVersionsResponse } from './requests/api-versions.ts';
import { ResponseReader } from './response-reader.ts';
import type { SecurityOptions } from './security.ts';
import { openSocket, socketError } from './socket.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionOptions {
  readonly clientId: string;
  /** Until TCP, TLS, versions and authentication are through; 10 s. */
  readonly connectTimeoutMs?: number;
  /** Until the answer of a request is there; 30 s. */
  readonly requestTimeoutMs?: number;
  readonly security?: SecurityOptions;
  /** For answers of 64 KiB and more: a `FramePool` to use their memory again; without it each has fresh memory. */
  readonly memory?: FrameMemory;
  /** Called for each piece that came or went, in bytes of Kafka's protocol (without those of TLS and TCP). */
  readonly onBytes?: (read: number, written: number) => void;
}

export interface RequestOptions {
  /** In place of the connection's. A long poll needs its wait on top. */
  readonly timeoutMs?: number;
  /** Highest version to use, to speak an older protocol on purpose. */
  readonly maxVersion?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Requests that may wait for their answers; the next is refused with KAFKA_BACKLOG_FULL. */
export const MAX_PENDING_REQUESTS = 1_000;
const SOFTWARE = { softwareName: 'zeelos', softwareVersion: '1' };
/** Part of a session's lifetime after which the next request authenticates anew (KIP-368), well before the broker would close the connection. */
const SESSION_SHARE = 0.8;
const LAST_CORRELATION_ID = 0x7fff_ffff;

/**
 * One connection to one broker. Requests are pipelined: the broker answers in the order in which it was asked, so that what follows a long poll
 * waits for it. Whatever goes wrong (time-out, end, an answer that makes no sense) closes the connection and rejects everything that waits:
 * it is never left half usable. It does not reconnect; that is `Cluster`'s.
 *
 * Backpressure is the caller's: it bounds the requests and the bytes that it has under way. What it wrote stays in memory until the socket took it.
 */
export class BrokerConnection {
  /** Called once, when the connection is closed by anybody. */
  onClose?: () => void;
  readonly #address: BrokerAddress;
  readonly #options: ConnectionOptions;
  readonly #opened = Promise.withResolvers<void>();
  readonly #pending = new PendingRequests((overdue) => this.#timeOut(overdue));
  readonly #socket: Socket;
  #broker: ApiVersionsResponse | undefined;
  /** On the clock of `performance.now()`. */
  #authenticateAt = Number.POSITIVE_INFINITY;
  #authenticating: Promise<void> | undefined;
  #correlationId = 0;
  #corked = false;
  #closed = false;

  private constructor(address: BrokerAddress, options: ConnectionOptions) {
    this.#address = address;
    this.#options = options;
    this.#opened.promise.catch(() => {});
    const frames = new FrameAssembler((frame) => this.#onFrame(frame), options.memory);
    const reading = {
      buffer: () => frames.memory(),
      callback: (count: number) => this.#onRead(frames, count),
    };
    this.#socket = openSocket(address, options.security?.tls, reading, {
      onOpen: () => this.#opened.resolve(),
      onEnd: (error) => this.#onEnd(error),
    });
  }

  /**
   * Resolves when the broker is reached, authenticated to and asked for the versions it speaks.
   *
   * @throws KAFKA_UNAVAILABLE (retriable); KAFKA_REFUSED: TLS or authentication failed, or this is no Kafka that is new enough
   */
  static async open(
    address: BrokerAddress,
    options: ConnectionOptions,
    signal?: AbortSignal,
  ): Promise<BrokerConnection> {
    if (signal?.aborted === true) throw new PlatformError('KAFKA_UNAVAILABLE', 'connecting was cancelled');
    const connection = BrokerConnection.#begin(address, options);
    const onAbort = (): void => connection.#fail(new PlatformError('KAFKA_UNAVAILABLE', 'connecting was cancelled'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const timer = setTimeout(
      () => connection.#fail(connection.#unavailable(`no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      await connection.#start(timeoutMs);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Node throws at once for what it cannot even try: a port that is none, a certificate that is none. */
  static #begin(address: BrokerAddress, options: ConnectionOptions): BrokerConnection {
    try {
      return new BrokerConnection(address, options);
    } catch (error) {
      throw new PlatformError('KAFKA_REFUSED', `${address.host}:${address.port}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  get address(): BrokerAddress {
    return this.#address;
  }

  /** Level of a finalized feature of the cluster as it was when this connection was opened; 0 when it has none of that name. */
  feature(name: string): number {
    return this.#broker?.features.get(name) ?? 0;
  }

  /**
   * Asks the broker in the highest version that both know. Error codes in the answer are the caller's to read.
   *
   * @throws KAFKA_UNAVAILABLE: no answer in time, or the connection is closed; KAFKA_REFUSED: no common version, or the answer is beyond the
   * limit of a frame; KAFKA_BACKLOG_FULL: MAX_PENDING_REQUESTS wait already
   */
  async request<Req, Res>(api: Api<Req, Res>, request: Req, o: RequestOptions = {}): Promise<Res> {
    if (performance.now() >= this.#authenticateAt) this.#authenticating = this.#authenticate();
    if (this.#authenticating !== undefined) await this.#authenticating;
    return this.#send(api, this.versionOf(api, o.maxVersion), request, o.timeoutMs);
  }

  /** The version that `request` uses. @throws KAFKA_REFUSED when there is none in common */
  versionOf(api: Api<never, unknown>, maxVersion = Number.POSITIVE_INFINITY): number {
    const [min, max] = api.versions;
    const [theirMin, theirMax] = this.#broker?.ranges.get(api.key) ?? [0, -1];
    const allowed = api.highestUnder?.((name) => this.feature(name)) ?? max;
    const version = Math.min(max, theirMax, allowed, maxVersion);
    if (version < min || version < theirMin) {
      throw new PlatformError('KAFKA_REFUSED', `${api.name}: no version in common with ${this.#name}`, {
        details: { request: api.name, ours: api.versions, theirs: [theirMin, theirMax] },
      });
    }
    return version;
  }

  close(): void {
    this.#fail(new PlatformError('KAFKA_UNAVAILABLE', `${this.#name}: the connection was closed`));
  }

  get #name(): string {
    return `${this.#address.host}:${this.#address.port}`;
  }

  async #start(timeoutMs: number): Promise<void> {
    await this.#opened.promise;
    const answer = await this.#send(API_VERSIONS, API_VERSIONS.versions[1], SOFTWARE, timeoutMs);
    if (answer.errorCode !== 0) throw brokerError(answer.errorCode, `asking ${this.#name} for its versions`);
    this.#broker = answer;
    await this.#authenticate();
  }

  /** What is asked meanwhile waits: between its steps the broker takes nothing else. What was asked before is answered first. */
  async #authenticate(): Promise<void> {
    const sasl = this.#options.security?.sasl;
    if (sasl === undefined) return;
    this.#authenticateAt = Number.POSITIVE_INFINITY;
    try {
      const lifetimeMs = await authenticate((api, request) => this.#send(api, this.versionOf(api), request), sasl);
      if (lifetimeMs > 0) this.#authenticateAt = performance.now() + lifetimeMs * SESSION_SHARE;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#authenticating = undefined;
    }
  }

  #send<Req, Res>(api: Api<Req, Res>, version: number, request: Req, timeoutMs?: number): Promise<Res> {
    if (this.#closed) return Promise.reject(this.#unavailable('the connection is closed'));
    if (this.#pending.size >= MAX_PENDING_REQUESTS) {
      return Promise.reject(
        new PlatformError('KAFKA_BACKLOG_FULL', `${this.#name}: ${this.#pending.size} requests wait`),
      );
    }
    const correlationId = this.#correlationId;
    this.#correlationId = correlationId === LAST_CORRELATION_ID ? 0 : correlationId + 1;
    const chunks = frameOf(api, { version, correlationId, clientId: this.#options.clientId }, request);
    const answer = Promise.withResolvers<Res>();
    this.#pending.add({
      correlationId,
      api: api as Api<never, unknown>,
      version,
      deadline: performance.now() + (timeoutMs ?? this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS),
      resolve: answer.resolve as (value: unknown) => void,
      reject: answer.reject,
    });
    this.#write(chunks);
    return answer.promise;
  }

  /** What is asked in one turn of the event loop goes out in one system call. */
  #write(chunks: readonly Buffer[]): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    let written = 0;
    for (const chunk of chunks) {
      this.#socket.write(chunk);
      written += chunk.length;
    }
    this.#options.onBytes?.(0, written);
  }

  #onRead(frames: FrameAssembler, count: number): boolean {
    if (this.#closed) return false;
    this.#options.onBytes?.(count, 0);
    try {
      frames.received(count);
    } catch (error) {
      this.#fail(error instanceof PlatformError ? error : this.#unavailable('its answer cannot be read', error));
    }
    return !this.#closed;
  }

  #onFrame(frame: Buffer): void {
    if (this.#closed) return;
    const request = this.#pending.next();
    const reader = new ResponseReader(frame);
    const correlationId = reader.int32();
    if (request === undefined) throw reader.fault('an answer to no request');
    try {
      if (correlationId !== request.correlationId) throw reader.fault('the answer to another request');
      reader.flexible = request.version >= request.api.flexibleFrom;
      if (request.api.key !== API_VERSIONS.key) reader.tags();
      request.resolve(request.api.decode(reader, request.version));
    } catch (error) {
      request.reject(this.#errorFor(request, error as Error));
      throw error;
    }
  }

  #timeOut({ api, version }: PendingRequest): void {
    this.#fail(this.#unavailable(`no answer to ${api.name} ${version} in time`));
  }

  #onEnd(error?: Error): void {
    this.#fail(
      error === undefined ? this.#unavailable('the broker closed the connection') : socketError(error, this.#name),
    );
  }

  #fail(reason: PlatformError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#opened.reject(reason);
    for (const request of this.#pending.drain()) request.reject(this.#errorFor(request, reason));
    this.onClose?.();
  }

  #errorFor({ api }: PendingRequest, reason: Error): PlatformError {
    const code = reason instanceof PlatformError ? reason.code : 'KAFKA_UNAVAILABLE';
    return new PlatformError(code, `${api.name}: ${reason.message}`, {
      cause: reason,
      details: { request: api.name, address: this.#name },
    });
  }

  #unavailable(what: string, cause?: unknown): PlatformError {
    return new PlatformError('KAFKA_UNAVAILABLE', `${this.#name}: ${what}`, { cause });
  }
}
