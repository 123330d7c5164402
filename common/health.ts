import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { PlatformError } from './errors.ts';
import { textBody } from './http/text-body.ts';

/** What a service shows of itself: /metrics (Prometheus text), /healthz (it runs), /readyz (it does its work). Loopback unless told otherwise. */
export interface Health {
  readonly metrics: Registry;
  readonly port: number;
  /** What /readyz answers 503 with until cleared; several reasons may stand at once. */
  setNotReady(part: string, reason: string): void;
  setReady(part: string): void;
  close(): Promise<void>;
}

export interface HealthOptions {
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** Asked first. Undefined leaves the path to the port itself. */
  readonly routes?: (request: HealthRequest) => Promise<HealthAnswer | undefined>;
}

export interface HealthRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined when it is longer. */
  body(limitBytes: number): Promise<string | undefined>;
}

export interface HealthAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const JSON_TYPE = 'application/json';
const FAULT: HealthAnswer = { status: 500, type: JSON_TYPE, body: '{"status":"a fault in the service"}' };

export async function openHealth(o: HealthOptions): Promise<Health> {
  const metrics = new Registry();
  metrics.setDefaultLabels({ service: o.service });
  collectDefaultMetrics({ register: metrics });
  const notReady = new Map<string, string>();
  exposeReadiness(metrics, notReady);
  const server = createServer((request, response) => {
    const asked = requestOf(request);
    void Promise.resolve(o.routes?.(asked))
      .then((found) => found ?? answer(asked.path, metrics, notReady))
      .catch(() => FAULT)
      .then(({ status, type, body, headers = {} }) => {
        // What is left of a body is not read: the connection ends with it.
        const rest = request.complete ? {} : { connection: 'close' };
        response.writeHead(status, { 'content-type': type, ...rest, ...headers });
        response.end(request.method === 'HEAD' ? undefined : body);
      });
  });
  server.requestTimeout = 5_000;
  server.maxConnections = 64;
  await listen(server, o);
  server.unref();
  return {
    metrics,
    port: (server.address() as AddressInfo).port,
    setNotReady: (part, reason) => void notReady.set(part, reason),
    setReady: (part) => void notReady.delete(part),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function requestOf(request: IncomingMessage): HealthRequest {
  return {
    method: request.method ?? 'GET',
    path: (request.url ?? '/').split('?')[0]!,
    headers: request.headers,
    body: (limitBytes) => textBody(request, limitBytes),
  };
}

function exposeReadiness(metrics: Registry, notReady: ReadonlyMap<string, string>): void {
  new Gauge({
    name: 'zeelos_ready',
    help: '1 while /readyz answers 200: the service does its work',
    registers: [metrics],
    collect() {
      this.set(notReady.size === 0 ? 1 : 0);
    },
  });
}

async function answer(path: string, metrics: Registry, notReady: ReadonlyMap<string, string>): Promise<HealthAnswer> {
  switch (path) {
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
    case '/healthz':
      return { status: 200, type: JSON_TYPE, body: '{"status":"ok"}' };
    case '/readyz': {
      const waiting = Object.fromEntries(notReady);
      const ready = notReady.size === 0;
      return {
        status: ready ? 200 : 503,
        type: JSON_TYPE,
        body: JSON.stringify(ready ? { status: 'ready' } : { status: 'not ready', waiting }),
      };
    }
    default:
      return { status: 404, type: JSON_TYPE, body: '{"status":"not found"}' };
  }
}

async function listen(server: Server, o: HealthOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be opened (${cause.code})`;
      reject(new PlatformError('TRANSPORT_BIND', `HTTP port ${o.address}:${o.port} ${why}`, { cause }));
    });
    server.listen(o.port, o.address, resolve);
  });
}
