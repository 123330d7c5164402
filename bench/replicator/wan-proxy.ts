import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Passes connections on to a port of this machine and counts the bytes of all of them, each way. */
export class WanProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** From the peer to the broker. */
  sentBytes = 0;
  /** From the broker to the peer. */
  receivedBytes = 0;

  private constructor(targetPort: number) {
    this.#server = createServer({ noDelay: true }, (peer) => this.#join(peer, targetPort));
  }

  static async open(o: { port: number; targetPort: number }): Promise<WanProxy> {
    const proxy = new WanProxy(o.targetPort);
    proxy.#server.listen(o.port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  #join(peer: Socket, targetPort: number): void {
    const broker = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    peer.on('data', (bytes: Buffer) => {
      this.sentBytes += bytes.length;
    });
    broker.on('data', (bytes: Buffer) => {
      this.receivedBytes += bytes.length;
    });
    for (const [one, other] of [
      [peer, broker],
      [broker, peer],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
