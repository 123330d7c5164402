import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { PlatformError } from './errors.ts';

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
}

export async function openHealth(o: HealthOptions): Promise<Health> {
  const metrics = new Registry();
  metrics.setDefaultLabels({ service: o.service });
  collectDefaultMetrics({ register: metrics });
  const notReady = new Map<string, string>();
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', metrics, notReady).then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type }).end(body);
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

async function answer(
  url: string,
  metrics: Registry,
  notReady: ReadonlyMap<string, string>,
): Promise<{ status: number; type: string; body: string }> {
  const json = 'application/json';
  switch (url.split('?')[0]) {
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
    case '/healthz':
      return { status: 200, type: json, body: '{"status":"ok"}' };
    case '/readyz': {
      const waiting = Object.fromEntries(notReady);
      const ready = notReady.size === 0;
      return {
        status: ready ? 200 : 503,
        type: json,
        body: JSON.stringify(ready ? { status: 'ready' } : { status: 'not ready', waiting }),
      };
    }
    default:
      return { status: 404, type: json, body: '{"status":"not found"}' };
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
