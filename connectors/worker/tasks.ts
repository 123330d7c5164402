import type { Registry } from 'prom-client';
import { isRetriable, PlatformError } from '../../common/errors.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { topicNames } from '../../common/kafka/topics.ts';
import { backoffMs, Closers, sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import { registrySource } from '../../common/schema-registry.ts';
import { TOPICS_LIMIT } from '../config/common-config.ts';
import { type CheckedConfig, checkConfig, type InfluxSinkConfig, ROW_TOPICS } from '../config/connector-classes.ts';
import type { RawConfig } from '../config/definition.ts';
import type { References } from '../config/references.ts';
import { TopicChooser } from '../config/sink-topics.ts';
import { ConnectorMetrics } from '../connector-metrics.ts';
import { DeadLetters } from '../dead-letters.ts';
import { ValueDecoder } from '../decode.ts';
import type { InfluxCredentials } from '../influxdb/client.ts';
import { KcqlLines } from '../influxdb/kcql-lines.ts';
import { InfluxdbSink } from '../influxdb/sink.ts';
import { runInfluxSource } from '../influxdb/source.ts';
import { OrientdbKcqlSink } from '../orientdb/kcql-sink.ts';
import type { GraphObjectModel } from '../orientdb/model-vertices.ts';
import { OrientdbSink } from '../orientdb/sink.ts';
import { Runner, TaskFailure } from '../runner.ts';
import type { Sink } from '../sink.ts';
import { consumeAsTopicsAppear } from '../topic-rounds.ts';
import { groupOf } from './connector-offsets.ts';
import { WaitingReasons } from './waiting-reasons.ts';

/** What tasks need of their worker. */
export interface TaskContext {
  readonly kafka: KafkaCluster;
  readonly registryUrl: string;
  readonly references: References;
  readonly models: readonly GraphObjectModel[];
  readonly metrics: Registry;
  readonly log: Log;
  /** Prefix of the topics that the worker keeps. */
  readonly groupId: string;
}

export interface TaskOptions {
  readonly connector: string;
  readonly number: number;
  readonly config: RawConfig;
  readonly signal: AbortSignal;
  /** Told why it waits, and undefined when it goes on. */
  onWaiting(reason: string | undefined): void;
  /** Told each topic that the task has taken a record from, or written one to. */
  onTopic(topic: string): void;
}

/** Runs one task until the signal is aborted. Throws what ends it: then it is FAILED. */
export async function runTask(o: TaskOptions, context: TaskContext): Promise<void> {
  const checked = await checkedNow(o, context);
  if (checked === undefined) return;
  if (checked.kind === 'influxSource')
    await runInfluxSource(checked.values, () => influxCredentials(o.config, context.references), o, context);
  else await runSink(checked, o, context);
}

/** The configuration with the contents of the files that it refers to; waits for a file that is not there yet. */
async function checkedNow(o: TaskOptions, { references }: TaskContext): Promise<CheckedConfig | undefined> {
  for (let attempt = 0; !o.signal.aborted; attempt++) {
    try {
      const { checked, faults } = checkConfig(await references.resolveAll(o.config));
      o.onWaiting(undefined);
      if (checked !== undefined) return checked;
      throw new PlatformError('CONFIG_INVALID', [...faults.values()].flat().join('; '));
    } catch (error) {
      if (!isRetriable(error)) throw error;
      o.onWaiting((error as Error).message);
      await sleep(backoffMs(attempt), o.signal);
    }
  }
  return undefined;
}

export type CheckedSink = Extract<CheckedConfig, { kind: 'influxSink' | 'orientSink' }>;

async function runSink(checked: CheckedSink, o: TaskOptions, context: TaskContext): Promise<void> {
  const { kafka, log, metrics: registry } = context;
  const { values } = checked;
  const closers = new Closers(log);
  const failed = new AbortController();
  const waiting = new WaitingReasons(o.onWaiting);
  const signal = AbortSignal.any([o.signal, failed.signal]);
  try {
    const sink = sinkOf(checked, o.config, context);
    closers.add('store', () => sink.close());
    const metrics = new ConnectorMetrics(registry, sink, o.connector);
    closers.add('metrics', () => metrics.close());
    const deadLetters = new DeadLetters(kafka, log, { topic: values.deadLetterTopic, connector: o.connector });
    closers.add('dead letters', () => deadLetters.close());
    const runner = new Runner({
      sink,
      decoder: new ValueDecoder(registrySource(values.registryUrl || context.registryUrl), takesOf(checked)),
      deadLetters,
      metrics,
      log,
      batchRecords: values.batchRecords,
      tolerance: values.errorsTolerance,
      onStoreFailure: {
        policy: values.errorPolicy,
        maxRetries: values.maxRetries,
        retryIntervalMs: values.retryIntervalMs,
      },
      onWaiting: (reason) => waiting.set('store', reason),
    });
    await runner.connect(signal);
    await consumeAsTopicsAppear({
      kafka,
      log,
      signal,
      onBatch: (batch) => {
        o.onTopic(batch.topic);
        return runner.handle(batch);
      },
      onFailed: (error) => {
        if (isTheEnd(error)) failed.abort(error);
      },
      groupId: groupOf(o.connector),
      topics: values.topics,
      topicCheckMs: values.topicCheckMs,
      batchBytes: values.batchBytes,
      ...(values.batchAgeMs === 0 ? {} : { gather: { bytes: values.batchBytes, ms: values.batchAgeMs } }),
      ...chooseOf(checked, context),
      onJoined: () => {
        metrics.joined();
        waiting.set('group', undefined);
      },
      onLeft: (reason) => waiting.set('group', `joining its group again: ${reason}`),
      onCommitted: () => metrics.committed(),
      onTopics: (present) => waiting.set('topics', present.length > 0 ? undefined : missingText(values)),
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await closers.closeAll();
  }
  if (failed.signal.aborted && !o.signal.aborted) throw failed.signal.reason;
}

/** How a sink with `topics.regex` finds its topics. */
function chooseOf(checked: CheckedSink, context: TaskContext): { choose?: () => Promise<readonly string[]> } {
  const { topicsRegex: pattern, deadLetterTopic } = checked.values;
  if (pattern === undefined) return {};
  const { kafka, groupId, log } = context;
  const chooser = new TopicChooser({
    pattern,
    statements: checked.statements,
    rows: ROW_TOPICS[checked.kind],
    deadLetterTopic,
    groupId,
  });
  let leftBefore = 0;
  const choose = async () => {
    const { topics, left } = await chooser.choose(await topicNames(kafka));
    if (left !== leftBefore && left > 0)
      log.warn({ left }, `more topics match than the ${TOPICS_LIMIT} that one connector takes; use two expressions`);
    leftBefore = left;
    return topics;
  };
  return { choose };
}

function missingText({ topics, topicsRegex }: CheckedSink['values']): string {
  if (topicsRegex !== undefined) return `no topic that can be taken matches ${topicsRegex} yet`;
  return `none of these topics exists yet: ${topics.join(', ')}`;
}

/** A fault of ours must not be repeated for ever; a rebalance or an outage of Kafka passes. */
function isTheEnd(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  return error instanceof TaskFailure || (error instanceof PlatformError && !error.retriable);
}

export function takesOf(checked: CheckedSink): 'rows' | 'any' {
  return checked.statements.length > 0 ? 'any' : 'rows';
}

/** @param config as it was given, with references: secrets are read anew at each connect */
function sinkOf(checked: CheckedSink, config: RawConfig, { references, models }: TaskContext): Sink {
  if (checked.kind === 'orientSink') return orientSink(checked, config, references, models);
  const { url, org, bucket, createBucket, retentionSeconds } = checked.values;
  const target = {
    ...{ url, bucket, createBucket, retentionSeconds },
    org: org === '' ? undefined : org,
    credentials: () => influxCredentials(config, references),
  };
  if (checked.statements.length === 0) return new InfluxdbSink(target);
  return new InfluxdbSink(target, new KcqlLines(checked.statements, checked.transforms));
}

export async function influxCredentials(config: RawConfig, references: References): Promise<InfluxCredentials> {
  const resolved = async (name: keyof InfluxNames) => await references.resolve(config[INFLUX_NAMES[name]] ?? '');
  const token = await resolved('token');
  if (token !== '') return { token };
  return { username: await resolved('username'), password: await resolved('password') };
}

const INFLUX_NAMES = {
  token: 'connect.influx.token',
  username: 'connect.influx.username',
  password: 'connect.influx.password',
} as const satisfies Partial<Record<keyof InfluxSinkConfig, string>>;
type InfluxNames = typeof INFLUX_NAMES;

function orientSink(
  { values: { url, user }, statements, transforms }: CheckedSink & { readonly kind: 'orientSink' },
  config: RawConfig,
  references: References,
  models: readonly GraphObjectModel[],
): Sink {
  const given = config['connect.orient.password'] ?? config['tinkerpop3.password'] ?? '';
  const target = { ...url, user, password: () => references.resolve(given) };
  if (statements.length > 0) return new OrientdbKcqlSink(target, statements, transforms);
  return new OrientdbSink(target, models);
}
