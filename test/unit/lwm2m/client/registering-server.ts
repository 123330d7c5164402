import type { CoapNotification } from '../../../../lwm2m/coap/endpoint.ts';
import {
  CoapEndpoint,
  type CoapRequest,
  type CoapResponse,
  type OutgoingRequest,
  type Respond,
} from '../../../../lwm2m/coap/endpoint.ts';
import type { Peer } from '../../../../lwm2m/coap/transport.ts';

export interface Registered {
  readonly endpointName: string;
  readonly query: readonly string[];
  readonly links: string;
  readonly peer: Peer;
}

export interface Update {
  readonly query: readonly string[];
  readonly links: string;
}

const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 5;

/** The server side of LwM2M as far as tests of devices need it: registers what comes, keeps what it was told. */
export class RegisteringServer {
  readonly registrations: Registered[] = [];
  readonly updates: Update[] = [];
  readonly deregistered: string[] = [];
  readonly notifications: CoapNotification[] = [];
  /** Locations that are known; clear it to play a server that forgot. */
  readonly known = new Map<string, Registered>();
  /** What happens to notifications; default: acknowledged. */
  onNotification: (notification: CoapNotification) => void = (notification) => notification.acknowledge();
  /** Set to answer Register and Update with this code instead. */
  refuseWith: string | undefined;
  #endpoint!: CoapEndpoint;
  #count = 0;

  /** @param port 0 takes any free port */
  static async open(port = 0): Promise<RegisteringServer> {
    const server = new RegisteringServer();
    server.#endpoint = await CoapEndpoint.open({
      port,
      onRequest: (request, respond) => server.#receive(request, respond),
      onNotification: (notification) => {
        server.notifications.push(notification);
        server.onNotification(notification);
      },
    });
    return server;
  }

  get port(): number {
    return this.#endpoint.localPort;
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  async request(
    endpointName: string,
    request: Omit<OutgoingRequest, 'path'> & { path: string },
  ): Promise<CoapResponse> {
    const { peer } = await this.registered(endpointName);
    const path = request.path.split('/').filter((segment) => segment !== '');
    return await this.#endpoint.request(peer, { ...request, path }, { timeoutMs: PATIENCE_MS });
  }

  /** The newest registration of this name, waited for. */
  async registered(endpointName: string, atLeast = 1): Promise<Registered> {
    const mine = (): Registered[] => this.registrations.filter((entry) => entry.endpointName === endpointName);
    await until(() => mine().length >= atLeast, `registration ${atLeast} of ${endpointName}`);
    return mine().at(-1)!;
  }

  /** The first notification with this token that has not been taken yet. */
  async notification(token: Uint8Array): Promise<CoapNotification> {
    const find = (): number => this.notifications.findIndex((entry) => entry.token.equals(token));
    await until(() => find() >= 0, 'a notification');
    return this.notifications.splice(find(), 1)[0]!;
  }

  async close(): Promise<void> {
    await this.#endpoint.close();
  }

  #receive(request: CoapRequest, respond: Respond): void {
    if (request.path[0] !== 'rd') return respond({ code: '4.04' });
    if (this.refuseWith !== undefined) return respond({ code: this.refuseWith });
    if (request.path.length === 1) return this.#register(request, respond);
    const location = request.path[1]!;
    if (!this.known.has(location)) return respond({ code: '4.04' });
    if (request.method === 'DELETE') {
      this.deregistered.push(this.known.get(location)!.endpointName);
      this.known.delete(location);
      return respond({ code: '2.02' });
    }
    this.updates.push({ query: request.query, links: request.payload.toString() });
    return respond({ code: '2.04' });
  }

  #register(request: CoapRequest, respond: Respond): void {
    const endpointName = request.query.find((part) => part.startsWith('ep='))?.slice(3) ?? '';
    const entry = { endpointName, query: request.query, links: request.payload.toString(), peer: request.peer };
    const location = `r${++this.#count}`;
    this.known.set(location, entry);
    this.registrations.push(entry);
    respond({ code: '2.01', locationPath: ['rd', location] });
  }
}

/** Waits for a condition; fails with what was waited for. */
export async function until(condition: () => boolean, what: string, patienceMs = PATIENCE_MS): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
