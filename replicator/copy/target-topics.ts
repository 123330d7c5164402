import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { CopiedTopic, LanePlan } from '../lanes.ts';
import { BROKER_ERROR, brokerError } from '../wire/broker-errors.ts';
import type { Cluster, TopicInfo } from '../wire/cluster.ts';
import { CREATE_PARTITIONS } from '../wire/requests/create-partitions.ts';
import { CREATE_TOPICS, type NewTopic } from '../wire/requests/create-topics.ts';
import { DESCRIBE_CONFIGS } from '../wire/requests/describe-configs.ts';
import { INCREMENTAL_ALTER_CONFIGS } from '../wire/requests/incremental-alter-configs.ts';

/** Settings that a copy needs like its source; how long each side keeps records is that side's own affair. */
const FOLLOWED = ['cleanup.policy', 'max.message.bytes', 'min.compaction.lag.ms', 'delete.retention.ms'] as const;
const RETENTION = 'retention.ms';

/** Kafka ≥ 4.0 refuses records from more than an hour ahead. A gateway whose clock is wrong would block its own copy for ever. */
const ANY_TIMESTAMP = (2n ** 63n - 1n).toString();
const ALWAYS = { 'message.timestamp.type': 'CreateTime', 'message.timestamp.after.max.ms': ANY_TIMESTAMP };

const TIMEOUT_MS = 15_000;
const WAIT = { timeoutMs: TIMEOUT_MS + 5_000 };
const CLUSTER_DEFAULT = -1;
const ADMIN = 'admin';
/** Brokers hear of a new topic a moment after it was made. */
const SEEN_CHECKS = 20;
const SEEN_PAUSE_MS = 50;

export interface LaneTopics {
  /** By name; a further topic that nobody made yet is not in it. */
  readonly source: ReadonlyMap<string, TopicInfo>;
  readonly target: ReadonlyMap<string, TopicInfo>;
  /** What the source deletes after so many ms; absent for what it keeps. */
  readonly retentionMs: ReadonlyMap<string, number>;
}

/** The topics of one lane on both sides: made where they are missing, grown and kept in step at the target. Nothing is ever deleted. */
export class TargetTopics {
  readonly #source: Cluster;
  readonly #target: Cluster;
  readonly #plan: LanePlan;
  readonly #own: readonly NewTopic[];
  readonly #log: Log;

  /** @param own topics at the target that the lane itself writes to */
  constructor(o: { source: Cluster; target: Cluster; plan: LanePlan; own: readonly NewTopic[]; log: Log }) {
    this.#source = o.source;
    this.#target = o.target;
    this.#plan = o.plan;
    this.#own = o.own;
    this.#log = o.log;
  }

  /** Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED. */
  async prepare(): Promise<LaneTopics> {
    const { topics } = this.#plan;
    const source = await ensure(
      this.#source,
      topics.map((topic) => newTopic(topic, topic.partitions[this.#plan.source])),
    );
    const settings = await this.#settingsOf([...source.keys()]);
    const wanted = topics
      .filter(({ topic }) => source.has(topic))
      .map((topic) => {
        const partitions = Math.max(topic.partitions[this.#plan.target], source.get(topic.topic)!.partitions.length);
        return { ...newTopic(topic, partitions), configs: { ...ALWAYS, ...settings.get(topic.topic)?.followed } };
      });
    const copied = new Set(topics.map(({ topic }) => topic));
    const own = this.#own.filter(({ name }) => !copied.has(name));
    const target = await ensure(this.#target, [...wanted, ...own]);
    await this.#follow(wanted);
    const retentionMs = new Map<string, number>();
    for (const [topic, { retention }] of settings) if (retention > 0) retentionMs.set(topic, retention);
    return { source, target, retentionMs };
  }

  async #settingsOf(
    topics: readonly string[],
  ): Promise<Map<string, { followed: Record<string, string>; retention: number }>> {
    const found = new Map<string, { followed: Record<string, string>; retention: number }>();
    if (topics.length === 0) return found;
    const connection = await this.#source.anyConnection(ADMIN);
    const keys = [...FOLLOWED, RETENTION];
    const resources = topics.map((name) => ({ type: 'topic' as const, name, keys }));
    for (const { name, errorCode, configs } of await connection.request(DESCRIBE_CONFIGS, { resources })) {
      // Somebody removed it a moment ago, or we may not ask: its copy then has what the table says.
      if (errorCode !== 0) continue;
      const followed: Record<string, string> = {};
      for (const key of FOLLOWED) {
        const value = configs.get(key)?.value;
        if (value != null) followed[key] = value;
      }
      found.set(name, { followed, retention: Number(configs.get(RETENTION)?.value ?? -1) });
    }
    return found;
  }

  /** Sets what differs, and only that. A refusal does not hold up the copy: it is said once each time the settings are looked at. */
  async #follow(wanted: readonly NewTopic[]): Promise<void> {
    if (wanted.length === 0) return;
    const connection = await this.#target.anyConnection(ADMIN);
    const asked = wanted.map(({ name, configs }) => ({ type: 'topic' as const, name, keys: Object.keys(configs) }));
    const present = await connection.request(DESCRIBE_CONFIGS, { resources: asked });
    const byName = new Map(present.filter(({ errorCode }) => errorCode === 0).map((one) => [one.name, one.configs]));
    const resources = wanted.flatMap(({ name, configs }) => {
      const now = byName.get(name);
      const differing = Object.entries(configs).filter(
        ([key, value]) => now !== undefined && now.get(key)?.value !== value,
      );
      return differing.length === 0 ? [] : [{ type: 'topic' as const, name, set: Object.fromEntries(differing) }];
    });
    if (resources.length === 0) return;
    for (const { name, errorCode, message } of await connection.request(INCREMENTAL_ALTER_CONFIGS, { resources })) {
      if (errorCode === 0) this.#log.info({ topic: name }, 'settings of the topic follow those of its source');
      else
        this.#log.warn(
          { topic: name, errorCode, reason: message },
          'settings of the topic cannot be changed at the target',
        );
    }
  }
}

function newTopic({ topic, cleanup }: CopiedTopic, partitions: number): NewTopic {
  return {
    name: topic,
    partitions,
    replicationFactor: CLUSTER_DEFAULT,
    configs: { ...ALWAYS, 'cleanup.policy': cleanup },
  };
}

/** Makes what is missing and grows what is too small; what is there otherwise stays as it is. */
async function ensure(cluster: Cluster, wanted: readonly NewTopic[]): Promise<ReadonlyMap<string, TopicInfo>> {
  const names = wanted.map(({ name }) => name);
  const found = await cluster.topics(names);
  const missing = wanted.filter(({ name }) => !found.has(name));
  const small = wanted.filter(
    ({ name, partitions }) => (found.get(name)?.partitions.length ?? partitions) < partitions,
  );
  if (missing.length === 0 && small.length === 0) return found;
  const connection = await cluster.anyConnection(ADMIN);
  if (missing.length > 0) {
    const made = await connection.request(CREATE_TOPICS, { topics: missing, timeoutMs: TIMEOUT_MS }, WAIT);
    refuse(made, BROKER_ERROR.TOPIC_ALREADY_EXISTS, 'making');
  }
  if (small.length > 0) {
    const topics = small.map(({ name, partitions }) => ({ name, count: partitions }));
    const grown = await connection.request(CREATE_PARTITIONS, { topics, timeoutMs: TIMEOUT_MS }, WAIT);
    refuse(grown, BROKER_ERROR.INVALID_PARTITIONS, 'growing');
  }
  for (let left = SEEN_CHECKS; ; left--) {
    const now = await cluster.topics(names);
    const absent = wanted.find(({ name, partitions }) => (now.get(name)?.partitions.length ?? 0) < partitions);
    if (absent === undefined) return now;
    if (left === 0) throw new PlatformError('KAFKA_UNAVAILABLE', `${absent.name} was made and is not there yet`);
    await sleep(SEEN_PAUSE_MS);
  }
}

function refuse(
  results: readonly { readonly name: string; readonly errorCode: number; readonly message?: string }[],
  expected: number,
  doing: string,
): void {
  for (const { name, errorCode, message } of results) {
    if (errorCode === 0 || errorCode === expected) continue;
    throw brokerError(errorCode, `${doing} the topic ${name}${message === undefined ? '' : `: ${message}`}`);
  }
}
