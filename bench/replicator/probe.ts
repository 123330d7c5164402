import { readFileSync } from 'node:fs';
import { ProcessGroup } from '../process-group.ts';

/** When a topic's records came, as the probe (franz-mirror/probe) saw it from outside; ms since 1970. */
export interface Arrival {
  readonly reached: boolean;
  /** The first was in the log, committed or not; 0 when none came. */
  readonly firstMs: number;
  /** The last was committed. */
  readonly lastMs: number;
}

/** What a topic holds for a read-committed reader, against its source: keys, values, headers, timestamps, partitions, order. */
export interface Reading {
  readonly records: number;
  readonly lost: number;
  readonly doubled: number;
  /** Partitions with the same records in another order. */
  readonly reordered: number;
  readonly missing: number;
  readonly repeated: number;
}

export interface Lane {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly topic: string;
}

export interface LaneResult {
  readonly samples: readonly { readonly sentAtMs: number; readonly ms: number }[];
  readonly lost: number;
  /** When the first record had come through. */
  readonly openAtMs: number;
}

/** The benchmark's hand in Kafka: one short process for each thing asked. Errors: STACK_START_FAILED. */
export class Probe {
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  async createTopics(
    broker: string,
    topics: readonly string[],
    o: { partitions: number; config?: string },
  ): Promise<void> {
    await this.#ask('topics', { broker, topics: topics.join(','), partitions: o.partitions, config: o.config ?? '' });
  }

  /** Deletes the topics with a prefix but one, and the groups with a prefix. */
  async forget(broker: string, o: { topicPrefix: string; keep: string; groupPrefix: string }): Promise<void> {
    await this.#ask('forget', { broker, 'topic-prefix': o.topicPrefix, keep: o.keep, 'group-prefix': o.groupPrefix });
  }

  /** Watches a topic until it holds so many committed records and none come any more, or until they have stopped coming. */
  async wait(broker: string, topic: string, records: number, stop?: Promise<unknown>): Promise<Arrival> {
    const group = this.#start('wait', { broker, topic, records });
    stop?.then(() => group.stop()).catch(() => undefined);
    return JSON.parse(await group.lastLine()) as Arrival;
  }

  async read(broker: string, topic: string, o: { save?: string; reference?: string; sequence: number }) {
    const { save = '', reference = '', sequence } = o;
    return await this.#ask<Reading>('read', { broker, topic, save, reference, sequence });
  }

  /** Sends on all lanes at random times until each has sent `count` or until it is stopped. */
  latency(lanes: readonly Lane[], o: { count: number; meanMs: number; out: string }) {
    const spec = lanes.map(({ name, from, to, topic }) => [name, from, to, topic].join('=')).join(',');
    const group = this.#start('latency', { lanes: spec, count: o.count, mean: `${o.meanMs}ms`, out: o.out });
    const read = () => JSON.parse(readFileSync(o.out, 'utf8')) as Readonly<Record<string, LaneResult>>;
    const result = group.lastLine().then(read);
    result.catch(() => undefined);
    return { result, stop: () => group.child.kill('SIGTERM') };
  }

  async #ask<T>(command: string, flags: Readonly<Record<string, string | number | boolean>>): Promise<T> {
    return JSON.parse(await this.#start(command, flags).lastLine()) as T;
  }

  #start(command: string, flags: Readonly<Record<string, string | number | boolean>>): ProcessGroup {
    return new ProcessGroup(this.#program, [
      command,
      ...Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`),
    ]);
  }
}
