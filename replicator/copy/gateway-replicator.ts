import { sleep, untilAborted } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import { type LaneName, type LanePlan, planLanes, refuseSameCluster, type Side } from '../lanes.ts';
import { Cluster } from '../wire/cluster.ts';
import { FramePool } from '../wire/frame-pool.ts';
import type { SecurityOptions } from '../wire/security.ts';
import { Heartbeat } from './heartbeat.ts';
import { LagMeter } from './lag-meter.ts';
import { Lane, type LaneSettings } from './lane.ts';
import type { LaneMetrics } from './lane-metrics.ts';
import { LaneState } from './lane-state.ts';
import { Precedence } from './precedence.ts';
import { RateLimit, type RateWindow } from './rate-limit.ts';
import type { SchemaTranslation } from './schema-translation.ts';

export interface SideAddress {
  readonly brokers: readonly string[];
  readonly security?: SecurityOptions;
}

export interface GatewayReplicatorOptions {
  readonly gatewayId: string;
  readonly edge: SideAddress;
  readonly cloud: SideAddress;
  readonly upTopics: readonly string[];
  readonly settings: LaneSettings;
  readonly bytesPerSecond: number | undefined;
  readonly rateWindows: readonly RateWindow[];
  /** By direction; undefined when schema ids are equal on both sides. */
  readonly translations: { readonly up: SchemaTranslation; readonly down: SchemaTranslation } | undefined;
  readonly metrics: LaneMetrics;
  /** For answers, shared with other gateways; its own where there is none. */
  readonly memory?: FramePool;
  readonly log: Log;
}

/** Lanes that are stopped take back what they have not committed; one whose brokers hang is cut off after this. */
const STOP_MS = 4_000;

/** What is neither a poll nor a write is answered at once or never: after a link went dark the next attempt is not to wait long for it. */
const REQUEST_TIMEOUT_MS = 10_000;

/** All lanes of one gateway. Nothing in it knows of other gateways, so that a hub runs as many as it likes. */
export class GatewayReplicator {
  readonly gatewayId: string;
  readonly limit: RateLimit;
  readonly #o: GatewayReplicatorOptions;
  readonly #precedence = new Precedence();
  /** Keeps what one lane may hold; each answer is used again once it is written. */
  readonly #memory: FramePool;
  readonly #plans: readonly LanePlan[];
  readonly #states: ReadonlyMap<LaneName, LaneState>;

  /** Errors: REPLICATION_OVERLAP, CONFIG_INVALID. */
  constructor(options: GatewayReplicatorOptions) {
    this.#o = options;
    this.gatewayId = options.gatewayId;
    this.#memory = options.memory ?? new FramePool({ limitBytes: options.settings.budgetBytes });
    this.#plans = planLanes(options.gatewayId, options.upTopics);
    this.limit = new RateLimit(options.bytesPerSecond, options.rateWindows);
    this.#states = new Map(
      this.#plans.map((plan) => [plan.name, new LaneState(options.gatewayId, plan, options.metrics)]),
    );
  }

  get lanes(): readonly LaneState[] {
    return [...this.#states.values()];
  }

  lane(name: string): LaneState | undefined {
    return this.#states.get(name as LaneName);
  }

  /** Until the signal is aborted. Errors: REPLICATOR_FENCED, REPLICATION_OVERLAP, REPLICATION_POSITIONS. */
  async run(signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const ended = AbortSignal.any([signal, ending.signal]);
    const clusters = { edge: this.#cluster('edge'), cloud: this.#cluster('cloud') };
    const assertApart = async (source: Side): Promise<string> => {
      const ids = { edge: await clusters.edge.clusterId(), cloud: await clusters.cloud.clusterId() };
      refuseSameCluster(ids);
      return ids[source];
    };
    const lanes = this.#plans.map((plan) => this.#laneOf(plan, clusters, () => assertApart(plan.source), ended));
    const meter = new LagMeter({ lanes, clusters, log: this.#o.log });
    const heartbeat = new Heartbeat({
      gatewayId: this.gatewayId,
      edge: clusters.edge,
      lanes: this.lanes,
      log: this.#o.log,
    });
    const cutOff = new AbortController();
    const work = [...lanes.map(({ lane }) => lane.run()), meter.run(ended), heartbeat.run(ended)];
    try {
      await Promise.race([Promise.all(work), untilAborted(ended).then(() => sleep(STOP_MS, cutOff.signal))]);
    } finally {
      cutOff.abort();
      ending.abort();
      await Promise.all([clusters.edge.close(), clusters.cloud.close()]);
      await Promise.allSettled(work);
    }
  }

  #cluster(side: Side): Cluster {
    const { gatewayId, log } = this.#o;
    const { brokers, security } = this.#o[side];
    const clientId = `zeelos-replicator-${gatewayId}`;
    return new Cluster({
      brokers,
      clientId,
      log,
      memory: this.#memory,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      ...(security === undefined ? {} : { security }),
    });
  }

  #laneOf(
    plan: LanePlan,
    clusters: Readonly<Record<Side, Cluster>>,
    assertApart: () => Promise<string>,
    signal: AbortSignal,
  ) {
    const { settings, translations, log } = this.#o;
    const state = this.#states.get(plan.name)!;
    const isUp = plan.target === 'cloud';
    const lane = new Lane({
      ...{ state, settings, assertApart, signal, log, memory: this.#memory, precedence: this.#precedence },
      source: clusters[plan.source],
      target: clusters[plan.target],
      translation: isUp ? translations?.up : translations?.down,
      limit: isUp ? this.limit : undefined,
      after: plan.name === 'up-bulk' ? this.#states.get('up-urgent') : undefined,
    });
    return { lane, state };
  }
}
