/** One remote party. Everything above a transport keys on `key`, never on address and port. */
export interface Peer {
  /**
   * Identity, e.g. `udp:127.0.0.1:5683`; a secured transport puts its session identity here. A later datagram with the
   * same key may come from another address and port: replies and retransmissions then go there.
   */
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
  /** Whether its handshake proves that a peer receives at its address; then replies of any size may go there. */
  readonly provesAddresses?: boolean;
}

/** What a transport tells the endpoint that opened it. */
export interface TransportEvents {
  /** The endpoint keeps views of the datagram: it belongs to the endpoint from now on. */
  onDatagram(datagram: Buffer, peer: Peer): void;
  /** A datagram that the system refused (EMSGSIZE, ENETUNREACH …) or a socket error. */
  onError(error: Error): void;
}

/** Opens a transport for one endpoint. Rejects TRANSPORT_BIND. */
export type TransportOpener = (events: TransportEvents) => Promise<Transport>;

/** @param address a literal IP address, never a host name */
export function udpPeer(address: string, port: number): Peer {
  return { key: `udp:${address}:${port}`, address, port };
}
