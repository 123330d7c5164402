import { PlatformError } from '../../common/errors.ts';
import type { CoapEndpoint } from '../../lwm2m/coap/endpoint.ts';
import type { Peer } from '../../lwm2m/coap/transport.ts';

/**
 * Requests that one peer has at once; further ones wait for their turn, as long as each may take. Below the limit of the endpoint
 * (`outgoingPerPeer`), which a gateway with many devices behind it would reach.
 */
export const REQUESTS_PER_PEER = 32;

interface Waiting {
  readonly go: () => void;
  readonly give: (error: PlatformError) => void;
}

interface Turns {
  running: number;
  /** In the order in which they came; bounded by the commands and observations under way. */
  readonly waiting: Set<Waiting>;
}

type Request = CoapEndpoint['request'];

/** Lets the requests of all devices on one peer leave in their order, so many at a time. */
export class PeerTurns {
  readonly #request: Request;
  readonly #byPeer = new Map<string, Turns>();

  constructor(request: Request) {
    this.#request = request;
  }

  /** Throws as the endpoint does, and its codes for one that waited: COAP_TIMEOUT, COAP_CANCELLED. */
  readonly request: Request = async (peer, request, options) => {
    const turns = this.#byPeer.get(peer.key) ?? { running: 0, waiting: new Set<Waiting>() };
    this.#byPeer.set(peer.key, turns);
    let left = options;
    if (turns.running < REQUESTS_PER_PEER) turns.running++;
    else {
      const fromMs = performance.now();
      await waitForTurn(turns, options);
      // A waiting one is handed the place of the one that ended.
      const timeoutMs = options?.timeoutMs;
      if (timeoutMs !== undefined)
        left = { ...options, timeoutMs: Math.max(1, timeoutMs - (performance.now() - fromMs)) };
    }
    try {
      return await this.#request(peer, request, left);
    } finally {
      this.#next(peer.key, turns);
    }
  };

  /** Nobody is at this peer any more: what waits for it is withdrawn. */
  forget({ key }: Peer): void {
    const waiting = this.#byPeer.get(key)?.waiting ?? [];
    for (const one of waiting) one.give(new PlatformError('COAP_CANCELLED', 'the peer is gone'));
  }

  #next(key: string, turns: Turns): void {
    const next = turns.waiting.values().next();
    if (next.done !== true) return next.value.go();
    turns.running--;
    if (turns.running === 0 && this.#byPeer.get(key) === turns) this.#byPeer.delete(key);
  }
}

async function waitForTurn(turns: Turns, options: Parameters<Request>[2]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const waiting: Waiting = {
    go: () => {
      turns.waiting.delete(waiting);
      resolve();
    },
    give: (error) => {
      turns.waiting.delete(waiting);
      reject(error);
    },
  };
  if (options?.signal?.aborted === true) throw new PlatformError('COAP_CANCELLED', 'the request was withdrawn');
  turns.waiting.add(waiting);
  const late = () => waiting.give(new PlatformError('COAP_TIMEOUT', 'too many requests were before it'));
  const withdrawn = () =>
    waiting.give(new PlatformError('COAP_CANCELLED', 'the request was withdrawn while it waited'));
  const timer = options?.timeoutMs === undefined ? undefined : setTimeout(late, options.timeoutMs);
  options?.signal?.addEventListener('abort', withdrawn, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    options?.signal?.removeEventListener('abort', withdrawn);
  }
}
