import { rmSync } from 'node:fs';
import { TOPICS, type TopicName } from '../../schemas/topics.ts';
import type { Load, RunningLoad } from '../peers/kafka-records.ts';
import { eventually } from './eventually.ts';
import { ReplicatorProcess } from './replicator-process.ts';
import { assertSameRecords, type Dump, type Gap, readDump, recordsIn, type SameRecords } from './same-records.ts';
import type { Side, TwoClusters } from './two-clusters.ts';

/** One entry of `iot.<gw>.replication.events`. */
export interface ReplicationEvent {
  readonly kind: 'GAP' | 'RECREATED' | 'TRUNCATED' | 'STOPPED' | 'RESUMED';
  readonly topic: string;
  readonly partition: number;
  /** Source offsets, from and up to but without `to`. */
  readonly from: number;
  readonly to: number;
  readonly records: number;
  readonly at: number | string;
  readonly lane: string;
  readonly reason?: string;
}

/** Any time is taken, and none is too old to be kept. */
export const ANY_TIME = { 'message.timestamp.after.max.ms': '9223372036854775807', 'retention.ms': '-1' };

const COPY_LIMIT_MS = 120_000;

export interface SettleOptions {
  readonly topic: string;
  /** Where the copy is; `cloud` when absent. */
  readonly target?: Side;
  /** What the source held over time; what it holds now when absent. */
  readonly source?: Dump;
  readonly gaps?: readonly Gap[];
  readonly repeats?: 'none' | 'allowed';
  readonly ids?: ReadonlyMap<number, number>;
}

let gateways = 0;

/** One gateway of a test: its topics on both sides, its replicator, what is written, and what has arrived. */
export class GatewayCopy {
  readonly gatewayId = `rep${process.pid}x${++gateways}`;
  readonly at: TwoClusters;
  readonly #flags: Readonly<Record<string, string>>;
  readonly #loads = new Set<RunningLoad>();
  readonly #replicators = new Set<ReplicatorProcess>();

  constructor(at: TwoClusters, flags: Readonly<Record<string, string>> = {}) {
    this.at = at;
    this.#flags = flags;
  }

  topic(name: TopicName): string {
    return TOPICS[name].nameFor(this.gatewayId);
  }

  /** A topic of the gateway at the source only: the copy of it is the replicator's to make. */
  async create(
    topic: string,
    o: { side?: Side; partitions?: number; settings?: Readonly<Record<string, string>> } = {},
  ): Promise<void> {
    const { side = 'edge', partitions = 2, settings = {} } = o;
    await this.at.records.create({ brokers: this.at.brokers[side], topic }, partitions, { ...ANY_TIME, ...settings });
  }

  /** Starts another replicator and leaves those before as they are. */
  async start(flags: Readonly<Record<string, string>> = {}): Promise<ReplicatorProcess> {
    const started = await ReplicatorProcess.spawn({
      'gateway-id': this.gatewayId,
      'edge-brokers': this.at.brokers.edge,
      'cloud-brokers': `127.0.0.1:${this.at.wan.port}`,
      ...this.#flags,
      ...flags,
    });
    this.#replicators.add(started);
    return started;
  }

  async startReady(flags: Readonly<Record<string, string>> = {}): Promise<ReplicatorProcess> {
    const started = await this.start(flags);
    await eventually('the replicator is ready', () => started.isReady(), 60_000);
    return started;
  }

  /** Writes until it is stopped; both partitions, every shape of record. */
  load(topic: string, o: Partial<Load> & { side?: Side } = {}): RunningLoad {
    const { side = 'edge', ...load } = o;
    const pace = { perSecond: 500, producers: 2, transactionRecords: 10, partitions: 2, compression: 'zstd' } as const;
    const started = this.at.records.load({ brokers: this.at.brokers[side], topic, ...pace, ...load });
    this.#loads.add(started);
    return started;
  }

  async stopLoads(): Promise<void> {
    const loads = [...this.#loads];
    this.#loads.clear();
    await Promise.all(loads.map((load) => load.stop()));
  }

  async dump(side: Side, topic: string, ids?: ReadonlyMap<number, number>): Promise<Dump> {
    const file = this.at.scratchFile();
    try {
      await this.at.records.dump({ brokers: this.at.brokers[side], topic, file, ...(ids && { ids }) });
      return await readDump(file);
    } finally {
      rmSync(file, { force: true });
    }
  }

  /** What went wrong with the copy of a topic and stands at its target. */
  async events(topic: string, target: Side = 'cloud'): Promise<readonly ReplicationEvent[]> {
    const at = { brokers: this.at.brokers[target], topic: `iot.${this.gatewayId}.replication.events` };
    const all = (await this.at.records.texts(at)).map(({ value }) => JSON.parse(value!) as ReplicationEvent);
    return all.filter((event) => event.topic === topic);
  }

  /** Waits until as many records as there should be have arrived; where some may come twice, until none is missing. */
  async untilCopied({ topic, target = 'cloud', source, gaps = [], repeats, ids }: SettleOptions): Promise<void> {
    const expected = source ?? (await this.dump(target === 'cloud' ? 'edge' : 'cloud', topic, ids));
    const isMissing = (partition: number, offset: number) =>
      gaps.some((gap) => gap.partition === partition && offset >= gap.from && offset < gap.to);
    let count = 0;
    for (const [partition, records] of expected)
      count += records.filter(({ offset }) => !isMissing(partition, offset)).length;
    await eventually(
      `${count} records in the copy of ${topic}`,
      async () => {
        const found = await this.dump(target, topic);
        if (recordsIn(found) < count) throw new Error(`there are ${recordsIn(found)}`);
        if (repeats !== undefined) assertSameRecords({ source: expected, target: found, gaps, repeats });
        return true;
      },
      COPY_LIMIT_MS,
    );
  }

  /** The end of a test: all is copied, the replicators stop in order, and what is there then is what should be there. */
  async settle(...all: readonly SettleOptions[]): Promise<readonly SameRecords[]> {
    await this.stopLoads();
    for (const one of all) await this.untilCopied(one);
    for (const replicator of this.#replicators) if (replicator.isRunning) await replicator.stop();
    const results: SameRecords[] = [];
    for (const one of all) results.push(await this.compare(one));
    return results;
  }

  async compare({ topic, target = 'cloud', source, gaps, repeats, ids }: SettleOptions): Promise<SameRecords> {
    const expected = source ?? (await this.dump(target === 'cloud' ? 'edge' : 'cloud', topic, ids));
    const found = await this.dump(target, topic);
    return assertSameRecords({ source: expected, target: found, ...(gaps && { gaps }), ...(repeats && { repeats }) });
  }

  /** What its replicators have logged. */
  get said(): string {
    return [...this.#replicators].map(({ said }) => said).join('');
  }

  /** After each test, whatever became of it. @param failed prints what the replicators said */
  async close(failed = false): Promise<void> {
    for (const replicator of this.#replicators) if (replicator.isRunning) await replicator.kill();
    if (failed) console.log(this.said);
    await this.stopLoads();
  }
}
