import { messageOf } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import { heartbeatTopicOf } from '../lanes.ts';
import type { Cluster } from '../wire/cluster.ts';
import { plainBatch } from './gap-events.ts';
import { LaneProducer } from './lane-producer.ts';
import type { LaneState } from './lane-state.ts';

export interface HeartbeatOptions {
  readonly gatewayId: string;
  readonly edge: Cluster;
  readonly lanes: readonly LaneState[];
  readonly log: Log;
}

/** What the cloud learns of the replicator while everything else is quiet, and after it was dark: JSON in `iot.<gw>.replication.heartbeat`. */
interface Beat {
  readonly gatewayId: string;
  /** ms since 1970, of the edge's clock: against the time at which it is read it is the end-to-end lag. */
  readonly at: number;
  readonly lanes: readonly {
    readonly lane: string;
    readonly phase: string;
    readonly lagRecords: number;
    readonly stopped: number;
  }[];
}

const EVERY_MS = 10_000;

/** Writes a beat into the edge's own topic, from where it is copied like everything else. */
export class Heartbeat {
  readonly #o: HeartbeatOptions;
  readonly #topic: string;

  constructor(options: HeartbeatOptions) {
    this.#o = options;
    this.#topic = heartbeatTopicOf(options.gatewayId);
  }

  async run(signal: AbortSignal): Promise<void> {
    let producer: LaneProducer | undefined;
    while (!signal.aborted) {
      try {
        producer ??= await this.#open(signal);
        await producer?.produce([plainBatch(this.#topic, [{ key: this.#o.gatewayId, value: this.#beat() }])]);
      } catch (error) {
        // The lanes say what is wrong with the edge; here the next beat is tried with a new producer.
        producer = undefined;
        this.#o.log.debug({ reason: messageOf(error) }, 'no heartbeat was written');
      }
      await sleep(producer === undefined ? EVERY_MS / 10 : EVERY_MS, signal);
    }
  }

  /** Undefined before the topic is there: the lanes make it. */
  async #open(signal: AbortSignal): Promise<LaneProducer | undefined> {
    const { edge } = this.#o;
    const topics = await edge.topics([this.#topic]);
    if (!topics.has(this.#topic)) return undefined;
    const producer = new LaneProducer({ cluster: edge, purpose: 'heartbeat', transactionalId: undefined, signal });
    await producer.open(topics);
    return producer;
  }

  #beat(): Buffer {
    const lanes = this.#o.lanes.map(({ plan, phase, stopped, progress }) => ({
      lane: plan.name,
      phase,
      lagRecords: [...progress.values()].reduce((sum, { lagRecords }) => sum + (lagRecords ?? 0), 0),
      stopped: stopped.size,
    }));
    const beat: Beat = { gatewayId: this.#o.gatewayId, at: Date.now(), lanes };
    return Buffer.from(JSON.stringify(beat));
  }
}
