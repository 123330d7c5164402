import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A peer that speaks Kafka's frames, and may break every rule above them. */
export interface AskedRequest {
  readonly key: number;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string;
  /** What follows the header. */
  readonly body: Buffer;
}

export type Answer = (request: AskedRequest, socket: Socket) => void;

export interface FakeBroker {
  readonly port: number;
  readonly asked: readonly AskedRequest[];
  readonly sockets: readonly Socket[];
  close(): Promise<void>;
}

const API_VERSIONS_KEY = 18;

/** Every request that the tests use, in the versions 0 to 20. */
const KEYS = [0, 1, 2, 3, 10, 17, 18, 19, 22, 24, 26, 32, 36, 37, 44];

/** @param answer is asked for all but ApiVersions, unless `everything` */
export async function fakeBroker(
  answer: Answer,
  o: { readonly everything?: boolean; readonly tls?: TlsOptions } = {},
): Promise<FakeBroker> {
  const asked: AskedRequest[] = [];
  const sockets: Socket[] = [];
  const onConnection = (socket: Socket): void => {
    sockets.push(socket);
    socket.on('error', () => {});
    readRequests(socket, (request) => {
      asked.push(request);
      if (request.key === API_VERSIONS_KEY && o.everything !== true) sendVersions(socket, request.correlationId);
      else answer(request, socket);
    });
  };
  const server = o.tls === undefined ? createServer(onConnection) : createTlsServer(o.tls, onConnection);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => closeServer(server, sockets);
  return { port: (server.address() as AddressInfo).port, asked, sockets, close };
}

async function closeServer(server: Server, sockets: readonly Socket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
}

function readRequests(socket: Socket, onRequest: (request: AskedRequest) => void): void {
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      const end = 4 + received.readInt32BE(0);
      onRequest(parsed(received.subarray(4, end)));
      received = received.subarray(end);
    }
  });
}

function parsed(frame: Buffer): AskedRequest {
  const clientIdBytes = frame.readInt16BE(8);
  return {
    key: frame.readInt16BE(0),
    version: frame.readInt16BE(2),
    correlationId: frame.readInt32BE(4),
    clientId: frame.toString('utf8', 10, 10 + clientIdBytes),
    body: frame.subarray(10 + clientIdBytes),
  };
}

/** Size, correlation id, then the bytes (which begin with the tags of the header, where there are any). */
export function send(socket: Socket, correlationId: number, hex: string | Buffer): void {
  const body = typeof hex === 'string' ? Buffer.from(hex, 'hex') : hex;
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + body.length, 0);
  head.writeInt32BE(correlationId, 4);
  socket.write(Buffer.concat([head, body]));
}

export function sendVersions(socket: Socket, correlationId: number, max = 20, keys = KEYS): void {
  const ranges = keys.map((key) => `${hex16(key)}0000${hex16(max)}00`).join('');
  const feature = `02${'14'}${Buffer.from('transaction.version').toString('hex')}0002000200`;
  const tag = `02${(feature.length / 2).toString(16)}${feature}`;
  send(socket, correlationId, `0000${(keys.length + 1).toString(16).padStart(2, '0')}${ranges}00000000` + `01${tag}`);
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0');
}
