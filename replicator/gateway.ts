import { messageOf, PlatformError } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { GatewayReplicator } from './copy/gateway-replicator.ts';
import type { LaneMetrics } from './copy/lane-metrics.ts';
import type { LaneFailure, LaneState } from './copy/lane-state.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { openTranslations } from './translation/open-translations.ts';
import type { FramePool } from './wire/frame-pool.ts';

export type GatewayPhase = 'starting' | 'running' | 'ended';

export interface GatewayParts {
  readonly metrics: LaneMetrics;
  readonly log: Log;
  /** Shared by the gateways of a hub; each has its own otherwise. */
  readonly memory?: FramePool;
}

/** One gateway's copy from its settings to its end. */
export class Gateway {
  readonly config: GatewayConfig;
  phase: GatewayPhase = 'starting';
  /** Why it ended; only something that is done by hand lets it go on. */
  failure: LaneFailure | undefined = undefined;
  /** Undefined while its schema map is opened. */
  replicator: GatewayReplicator | undefined = undefined;
  readonly #o: GatewayParts;

  constructor(config: GatewayConfig, parts: GatewayParts) {
    this.config = config;
    this.#o = parts;
  }

  get gatewayId(): string {
    return this.config.gatewayId;
  }

  get lanes(): readonly LaneState[] {
    return this.replicator?.lanes ?? [];
  }

  /** Until the signal is aborted; once. Errors: CONFIG_INVALID, REPLICATOR_FENCED, REPLICATION_OVERLAP, REPLICATION_POSITIONS. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#run(signal);
    } catch (error) {
      const code = error instanceof PlatformError ? error.code : 'INTERNAL';
      this.failure = { code, message: messageOf(error), atMs: Date.now() };
      throw error;
    } finally {
      this.phase = 'ended';
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { gatewayId, edge, cloud, upTopics, lanes, bytesPerSecond, rateWindows, translation } = this.config;
    const { metrics, log, memory } = this.#o;
    const translations = await openTranslations(translation, { gatewayId, misses: metrics.schemaMisses, signal, log });
    try {
      const replicator = new GatewayReplicator({
        ...{
          gatewayId,
          edge,
          cloud,
          upTopics,
          settings: lanes,
          bytesPerSecond,
          rateWindows,
          translations,
          metrics,
          log,
        },
        ...(memory === undefined ? {} : { memory }),
      });
      this.replicator = replicator;
      this.phase = 'running';
      await replicator.run(signal);
    } finally {
      await translations?.close();
    }
  }
}
