import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { DelayLine, type Pipe, type WanConditions } from './delay-line.ts';

type State = 'open' | 'cut' | 'black-hole';

/** Bytes that arrived at the other end. */
export interface WanBytes {
  /** From who connects, to who listens. */
  readonly up: number;
  readonly down: number;
}

/**
 * A TCP proxy on loopback in the place of a WAN. Whoever connects to it must be told its address by the broker too: a listener of the
 * broker of which this one's address is advertised (two-clusters.ts).
 */
export class WanProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #lines = { up: new DelayLine(), down: new DelayLine() };
  readonly #links = new Set<Link>();
  #state: State = 'open';
  /** Connections taken since the start. */
  connections = 0;

  private constructor(server: Server, port: number, targetPort: number) {
    this.#server = server;
    this.port = port;
    this.#targetPort = targetPort;
    server.on('connection', (socket) => this.#take(socket));
  }

  /** @param o.port 0: any free one */
  static async open(o: { readonly port: number; readonly targetPort: number }): Promise<WanProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(o.port, '127.0.0.1');
    await once(server, 'listening');
    return new WanProxy(server, (server.address() as { port: number }).port, o.targetPort);
  }

  get bytes(): WanBytes {
    return { up: this.#lines.up.delivered, down: this.#lines.down.delivered };
  }

  /** Bytes between the two ends now; at most `WINDOW_BYTES` of a connection, each way. */
  get bytesUnderWay(): number {
    return [...this.#links].reduce((sum, link) => sum + link.bytesUnderWay, 0);
  }

  /** For what is sent from now on. */
  behave(conditions: Partial<WanConditions>): void {
    for (const line of [this.#lines.up, this.#lines.down]) line.conditions = { ...line.conditions, ...conditions };
  }

  /** Resets all connections, and every new one until `restore`. */
  cut(): void {
    this.#state = 'cut';
    for (const link of this.#links) link.reset();
  }

  /**
   * Takes connections and bytes and forwards nothing, without a word, until `restore`. Connections of before stay dead then, as behind
   * a router that has forgotten them; those that came meanwhile come through.
   */
  blackHole(): void {
    this.#state = 'black-hole';
    for (const link of this.#links) link.strand();
  }

  restore(): void {
    this.#state = 'open';
    for (const link of this.#links) link.connect(this.#targetPort);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const link of this.#links) link.reset();
    await closed;
  }

  #take(socket: Socket): void {
    this.connections++;
    const link = new Link(socket, this.#lines);
    this.#links.add(link);
    link.onClose = () => this.#links.delete(link);
    if (this.#state === 'cut') link.reset();
    else if (this.#state === 'open') link.connect(this.#targetPort);
  }
}

/** One connection through the proxy: what `near` sends goes up, what `far` sends comes down. */
class Link {
  readonly #near: Socket;
  readonly #far = new Socket({ allowHalfOpen: true }).setNoDelay(true);
  readonly #lines: { readonly up: DelayLine; readonly down: DelayLine };
  #pipes: { readonly up: Pipe; readonly down: Pipe } | undefined;
  #stranded = false;
  onClose?: () => void;

  constructor(near: Socket, lines: { readonly up: DelayLine; readonly down: DelayLine }) {
    this.#near = near;
    this.#lines = lines;
    for (const socket of [near, this.#far]) {
      socket.on('error', () => this.reset());
      socket.on('close', () => this.#closed());
    }
  }

  get bytesUnderWay(): number {
    return (this.#pipes?.up.bytesUnderWay ?? 0) + (this.#pipes?.down.bytesUnderWay ?? 0);
  }

  connect(targetPort: number): void {
    if (this.#pipes !== undefined || this.#stranded) return;
    this.#far.connect(targetPort, '127.0.0.1');
    this.#pipes = {
      up: this.#lines.up.pipe(this.#near, this.#far),
      down: this.#lines.down.pipe(this.#far, this.#near),
    };
  }

  strand(): void {
    this.#stranded = true;
    this.#pipes?.up.stop();
    this.#pipes?.down.stop();
  }

  reset(): void {
    this.#pipes?.up.stop();
    this.#pipes?.down.stop();
    if (!this.#near.destroyed) this.#near.resetAndDestroy();
    if (!this.#far.destroyed && this.#pipes !== undefined) this.#far.resetAndDestroy();
    else this.#far.destroy();
  }

  #closed(): void {
    if (this.#near.destroyed && (this.#far.destroyed || this.#pipes === undefined)) this.onClose?.();
  }
}
