import { messageOf } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { forgetGateway } from './copy/lane-metrics.ts';
import { Gateway, type GatewayParts } from './gateway.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { planLanes } from './lanes.ts';

interface Running {
  readonly gateway: Gateway;
  /** Its settings as text: another text is another gateway. */
  readonly settings: string;
  readonly ending: AbortController;
  /** Never rejects. */
  readonly ended: Promise<void>;
}

/** Many gateways' replicators in one process. What one does, or how it ends, is nothing to the others. */
export class Hub {
  readonly #parts: GatewayParts;
  readonly #running = new Map<string, Running>();
  /** Still ending; a gateway of the same id begins behind it. */
  readonly #leaving = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  get gateways(): readonly Gateway[] {
    return [...this.#running.values()].map(({ gateway }) => gateway);
  }

  /** Starts what is new, ends what is no longer there, restarts what has changed, and leaves the others alone. */
  apply(configs: readonly GatewayConfig[]): void {
    if (this.#isClosed) return;
    const wanted = new Map(configs.map((config) => [config.gatewayId, { config, settings: JSON.stringify(config) }]));
    for (const [gatewayId, running] of this.#running)
      if (wanted.get(gatewayId)?.settings !== running.settings) this.#stop(gatewayId, running);
    for (const [gatewayId, { config, settings }] of wanted)
      if (!this.#running.has(gatewayId)) this.#start(config, settings);
  }

  /** Resolves when all have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const [gatewayId, running] of this.#running) this.#stop(gatewayId, running);
    await Promise.all(this.#leaving.values());
  }

  #start(config: GatewayConfig, settings: string): void {
    const { gatewayId } = config;
    const gateway = new Gateway(config, this.#parts);
    const ending = new AbortController();
    const before = this.#leaving.get(gatewayId) ?? Promise.resolve();
    const ended = before.then(() => this.#run(gateway, ending.signal));
    this.#running.set(gatewayId, { gateway, settings, ending, ended });
    this.#parts.log.info({ gateway: gatewayId }, 'a gateway was added');
  }

  #stop(gatewayId: string, { gateway, ending, ended }: Running): void {
    ending.abort();
    this.#running.delete(gatewayId);
    const left = ended.then(() => {
      if (this.#leaving.get(gatewayId) === left) this.#leaving.delete(gatewayId);
      // Its successor, if there is one, begins behind this: what it counts is not touched.
      forgetGateway(this.#parts.metrics, gatewayId, planLanes(gatewayId, gateway.config.upTopics));
      this.#parts.log.info({ gateway: gatewayId }, 'a gateway was removed');
    });
    this.#leaving.set(gatewayId, left);
  }

  async #run(gateway: Gateway, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      await gateway.run(signal);
    } catch (error) {
      this.#reportEnd(gateway.gatewayId, error, this.#parts.log);
    }
  }

  #reportEnd(gatewayId: string, error: unknown, log: Log): void {
    log.error(
      { gateway: gatewayId, code: (error as { code?: unknown }).code, reason: messageOf(error), err: error },
      'a gateway has ended and the others go on; mend what the reason names, then remove its entry and add it again',
    );
  }
}
