import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A NAT between one device and the server: `move` gives the device another outgoing port, `deaf` lets nothing through to it. */
export class UdpRelay {
  readonly #inside: Socket;
  readonly #serverPort: number;
  #outside: Socket;
  #device: { readonly address: string; readonly port: number } | undefined;
  /** Datagrams of the server that were let through to the device. */
  toDevice = 0;
  deaf = false;

  private constructor(inside: Socket, outside: Socket, serverPort: number) {
    this.#inside = inside;
    this.#outside = outside;
    this.#serverPort = serverPort;
    inside.on('message', (datagram, from) => {
      this.#device = from;
      this.#outside.send(datagram, this.#serverPort, '127.0.0.1');
    });
    this.#serve(outside);
  }

  static async before(serverPort: number): Promise<UdpRelay> {
    return new UdpRelay(await bound(), await bound(), serverPort);
  }

  get uri(): string {
    return `coap://127.0.0.1:${this.#inside.address().port}`;
  }

  /** As after a NAT forgot its binding: what the server sends to the old port reaches nobody. */
  async move(): Promise<void> {
    const old = this.#outside;
    this.#outside = await bound();
    this.#serve(this.#outside);
    await closed(old);
  }

  #serve(outside: Socket): void {
    outside.on('message', (datagram) => {
      if (this.#device === undefined || this.deaf) return;
      this.toDevice += 1;
      this.#inside.send(datagram, this.#device.port, this.#device.address);
    });
  }

  async close(): Promise<void> {
    await Promise.all([closed(this.#inside), closed(this.#outside)]);
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('error', () => {}); // a port that closed behind us
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}
