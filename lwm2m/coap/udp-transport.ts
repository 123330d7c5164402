import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { type Peer, type Transport, type TransportEvents, type TransportOpener, udpPeer } from './transport.ts';

/** Peers whose key string is kept ready; beyond it the older half is dropped and built again when seen. */
const CACHED_PEERS = 131_072;

export interface UdpTransportOptions {
  /** Literal address to bind; default 127.0.0.1. */
  readonly address?: string | undefined;
  /** 0, the default, takes any free port. */
  readonly port?: number | undefined;
  /** Asked of the system, which may grant less. */
  readonly receiveBufferBytes?: number | undefined;
}

/** Spares each received datagram the building and hashing of its peer's key. Two generations bound it. */
class PeerCache {
  #recent = new Map<string, Map<number, Peer>>();
  #older = new Map<string, Map<number, Peer>>();
  #recentSize = 0;

  peer(address: string, port: number): Peer {
    return this.#recent.get(address)?.get(port) ?? this.#admit(address, port);
  }

  #admit(address: string, port: number): Peer {
    if (this.#recentSize >= CACHED_PEERS / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentSize = 0;
    }
    const peer = this.#older.get(address)?.get(port) ?? udpPeer(address, port);
    let ports = this.#recent.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.#recent.set(address, ports);
    }
    ports.set(port, peer);
    this.#recentSize++;
    return peer;
  }
}

/** Peers are literal addresses, so the name look-up of every send is answered on the spot. */
const literalLookup = ((address: string, family: unknown, callback: (e: null, a: string, f: unknown) => void) => {
  callback(null, address, family);
}) as unknown as NonNullable<SocketOptions['lookup']>;

function bind(socket: Socket, options: UdpTransportOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (cause: Error): void => {
      socket.close();
      reject(
        new PlatformError('TRANSPORT_BIND', `UDP ${address}:${options.port ?? 0} cannot be bound: ${cause.message}`, {
          details: { address, port: options.port ?? 0 },
          cause,
        }),
      );
    };
    socket.once('error', refused);
    socket.bind({ address, port: options.port ?? 0, exclusive: true }, () => {
      socket.off('error', refused);
      resolve();
    });
  });
}

class UdpTransport implements Transport {
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #onError: (error: Error) => void;
  readonly #sent: (error: Error | null) => void;
  #closed = false;

  constructor(socket: Socket, onError: (error: Error) => void) {
    this.#socket = socket;
    this.#onError = onError;
    this.#sent = (error) => {
      if (error !== null) onError(error);
    };
    const { address, port } = socket.address();
    this.localAddress = address;
    this.localPort = port;
  }

  send(datagram: Uint8Array, peer: Peer): void {
    if (this.#closed) return;
    try {
      this.#socket.send(datagram, 0, datagram.length, peer.port, peer.address, this.#sent);
    } catch (error) {
      this.#onError(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await new Promise<void>((resolve) => {
      this.#socket.close(() => resolve());
    });
  }
}

/** CoAP over UDP, RFC 7252 §3: a peer is its address and port. */
export function udpTransport(options: UdpTransportOptions = {}): TransportOpener {
  return (events) => openUdp(options, events);
}

async function openUdp(options: UdpTransportOptions, events: TransportEvents): Promise<Transport> {
  const address = options.address ?? '127.0.0.1';
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', lookup: literalLookup });
  await bind(socket, options, address);
  if (options.receiveBufferBytes !== undefined) setReceiveBuffer(socket, options.receiveBufferBytes);
  const peers = new PeerCache();
  const onError = (error: Error): void => events.onError(error);
  socket.on('error', onError);
  socket.on('message', (datagram: Buffer, from: RemoteInfo) =>
    events.onDatagram(datagram, peers.peer(from.address, from.port)),
  );
  return new UdpTransport(socket, onError);
}

/** A smaller buffer than asked for costs retransmissions under load, not correctness. */
function setReceiveBuffer(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes);
  } catch {
    // the system's default stays in force
  }
}
