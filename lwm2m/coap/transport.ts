/** One remote party. Everything above a transport keys on `key`, never on address and port. */
export interface Peer {
  /** Identity, e.g. `udp:127.0.0.1:5683`; a secured transport puts its session identity here. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
}

/** Carries datagrams. `send` never throws and never waits: what the network refuses is counted by the opener. */
export interface Transport {
  send(datagram: Uint8Array, peer: Peer): void;
  close(): Promise<void>;
  readonly localAddress: string;
  readonly localPort: number;
}

/** @param address a literal IP address, never a host name */
export function udpPeer(address: string, port: number): Peer {
  return { key: `udp:${address}:${port}`, address, port };
}
