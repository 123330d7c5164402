import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PlatformError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Access, AccessRefused } from './access.ts';

/** Connections at a time; a further one is closed. */
const MAX_CONNECTIONS = 128;
const MAX_HEADER_BYTES = 16 * 2 ** 10;
/** A client that sends its head or its body slower than this is cut (slow loris). */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;
const CHECK_EVERY_MS = 2_000;

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What serves the requests; made when the first one comes. */
export interface LoadedApp {
  readonly handle: Handler;
  close(): Promise<void>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface HttpPortOptions {
  readonly address: string;
  readonly port: number;
  readonly access: Access;
  readonly load: () => Promise<LoadedApp>;
  /** What is answered to a request without access, and when the app cannot be loaded. */
  readonly answerTo: (error: unknown) => HttpAnswer;
  readonly log: Log;
}

/**
 * The TCP port of the REST interface. Requests without access are refused here; what answers the others, with its libraries, is
 * loaded when the first comes: a gateway that nobody asks pays for a socket only.
 */
export class HttpPort {
  readonly #o: HttpPortOptions;
  readonly #server: Server;
  #app: Promise<LoadedApp> | undefined;
  /** Requests refused for want of access. */
  refused = 0;

  private constructor(options: HttpPortOptions) {
    this.#o = options;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: CHECK_EVERY_MS,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Errors: TRANSPORT_BIND. */
  static async open(options: HttpPortOptions): Promise<HttpPort> {
    const port = new HttpPort(options);
    await port.#listen();
    return port;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const app = await this.#app?.catch(() => undefined);
    await app?.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refusal = this.#o.access.refusal(request.headers);
      if (refusal !== undefined) {
        this.refused++;
        throw new AccessRefused(refusal);
      }
      this.#app ??= this.#o.load();
      (await this.#app).handle(request, response);
    } catch (error) {
      if (!(error instanceof PlatformError)) this.#o.log.error({ err: error }, 'a fault in the REST interface');
      this.#send(response, error);
    }
  }

  #send(response: ServerResponse, error: unknown): void {
    if (response.headersSent) return void response.destroy();
    const { status, type, body } = this.#o.answerTo(error);
    const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
    // The body of a refused request is not read: the connection ends with it.
    response.writeHead(status, { 'content-type': type, connection: 'close', ...challenge });
    response.end(body);
  }

  async #listen(): Promise<void> {
    const { address, port } = this.#o;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be opened (${cause.code})`;
        reject(new PlatformError('TRANSPORT_BIND', `REST port ${address}:${port} ${why}`, { cause }));
      });
      this.#server.listen(port, address, resolve);
    });
  }
}
