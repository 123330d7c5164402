import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import { ensureTopics } from '../../common/kafka/topics.ts';
import { TransactionalWriter, type WrittenRecord } from '../../common/kafka/transactional-writer.ts';
import { backoffMs, sleep } from '../../common/lifecycle.ts';
import { newestSchema, registerSchema } from '../../common/schema-registry.ts';
import type { FrameEncoder } from '../../schemas/codec.ts';
import type { InfluxSourceConfig } from '../config/connector-classes.ts';
import { cursorRecord, cursorWriterId, offsetsTopic, readCursor } from '../source-cursor.ts';
import { SourceMetrics } from '../source-metrics.ts';
import type { TaskContext, TaskOptions } from '../worker/tasks.ts';
import { InfluxClient, type InfluxCredentials, influxError } from './client.ts';
import { RowSchema } from './row-schema.ts';

/** Rows that are sent together; more are read when Kafka has taken them. */
const ROWS_AT_ONCE = 1_000;

/**
 * Rows of a Flux query to a topic, round by round, until the signal is aborted. The rows of a round and where it ended are one
 * transaction: whoever reads committed records sees each row once, whatever dies. What passes is tried again; a query that InfluxDB
 * refuses is thrown.
 */
export async function runInfluxSource(
  config: InfluxSourceConfig,
  credentials: () => Promise<InfluxCredentials>,
  o: TaskOptions,
  context: TaskContext,
): Promise<void> {
  const client = new InfluxClient({ url: config.url, org: config.org === '' ? undefined : config.org, credentials });
  const metrics = new SourceMetrics(context.metrics, o.connector);
  try {
    for (let attempt = 0; !o.signal.aborted; attempt++) {
      const rounds = new Rounds(config, client, metrics, o, context);
      try {
        await rounds.run();
      } catch (error) {
        if (o.signal.aborted) return;
        if (!isRetriable(error)) throw error;
        if (rounds.done > 0) attempt = 0;
        o.onWaiting(messageOf(error));
        if (attempt === 0)
          context.log.warn({ connector: o.connector, reason: messageOf(error) }, 'a round is tried again');
        await sleep(backoffMs(attempt), o.signal);
      }
    }
  } finally {
    metrics.close();
    client.close();
  }
}

class Rounds {
  readonly #config: InfluxSourceConfig;
  readonly #client: InfluxClient;
  readonly #metrics: SourceMetrics;
  readonly #o: TaskOptions;
  readonly #context: TaskContext;
  readonly #schema: RowSchema;
  readonly #offsets: string;
  #encoder: FrameEncoder<Record<string, unknown>> | undefined;
  /** Rounds that were committed. */
  done = 0;

  constructor(
    config: InfluxSourceConfig,
    client: InfluxClient,
    metrics: SourceMetrics,
    o: TaskOptions,
    context: TaskContext,
  ) {
    this.#config = config;
    this.#client = client;
    this.#metrics = metrics;
    this.#o = o;
    this.#context = context;
    this.#schema = new RowSchema(config.topic);
    this.#offsets = offsetsTopic(context.groupId);
  }

  /** Rejects with what went wrong; the round that was open is undone. */
  async run(): Promise<void> {
    const { signal, connector, number } = this.#o;
    const { kafka, log } = this.#context;
    await this.#client.connect(signal);
    await ensureTopics(kafka, [
      { topic: this.#config.topic, partitions: this.#config.partitions },
      { topic: this.#offsets, partitions: 1, settings: { 'cleanup.policy': 'compact' } },
    ]);
    // From here on nobody else writes for this task, so the cursor that is read next is the last one.
    const writer = await TransactionalWriter.open(kafka, cursorWriterId(connector, number), log);
    try {
      this.#schema.adopt((await newestSchema(this.#context.registryUrl, this.#subject)) ?? {});
      let startMs = await this.#firstMs();
      this.#o.onWaiting(undefined);
      while (!signal.aborted) {
        const stopMs = Math.min(startMs + this.#config.windowMs, Date.now() - this.#config.delayMs);
        if (stopMs > startMs) {
          await this.#round(writer, startMs, stopMs);
          startMs = stopMs;
        }
        const isBehind = startMs + this.#config.pollMs < Date.now() - this.#config.delayMs;
        if (isBehind) await nextTurn();
        else await sleep(this.#config.pollMs, signal);
      }
    } finally {
      await writer.close();
    }
  }

  get #subject(): string {
    return `${this.#config.topic}-value`;
  }

  async #firstMs(): Promise<number> {
    const { kafka, log, groupId } = this.#context;
    const { connector, number, signal } = this.#o;
    const cursor = await readCursor({ kafka, log, groupId, signal }, connector, number);
    if (cursor !== undefined) return Date.parse(cursor.stop);
    return this.#config.start === '' ? Date.now() - this.#config.delayMs : Date.parse(this.#config.start);
  }

  async #round(writer: TransactionalWriter, startMs: number, stopMs: number): Promise<void> {
    const flux = withRange(this.#config.query, startMs, stopMs);
    let rows = 0;
    let waiting: WrittenRecord[] = [];
    const flush = async () => {
      if (waiting.length > 0) await writer.send(this.#config.topic, waiting);
      rows += waiting.length;
      waiting = [];
    };
    try {
      for await (const record of this.#records(flux)) {
        waiting.push(record);
        if (waiting.length >= ROWS_AT_ONCE) await flush();
        this.#o.signal.throwIfAborted();
      }
    } catch (error) {
      throw error instanceof PlatformError || this.#o.signal.aborted ? error : influxError(error, this.#config.url);
    }
    await flush();
    const { connector, number } = this.#o;
    const stop = new Date(stopMs).toISOString();
    await writer.send(this.#offsets, [cursorRecord(connector, number, { stop })]);
    await writer.commit();
    this.done++;
    if (rows > 0) this.#o.onTopic(this.#config.topic);
    this.#metrics.round(rows, Date.now() - stopMs);
  }

  async *#records(flux: string): AsyncGenerator<WrittenRecord> {
    let of: unknown;
    let fields: ReturnType<RowSchema['fieldsOf']>['fields'] = [];
    let keyAt = -1;
    for await (const { values, tableMeta } of this.#client.queryApi().iterateRows(flux)) {
      if (tableMeta !== of) {
        of = tableMeta;
        fields = await this.#learn(tableMeta.columns);
        keyAt = tableMeta.columns.findIndex(({ label }) => label === this.#config.keyColumn);
      }
      const value = this.#encoder!.encode(this.#schema.valueOf(fields, values));
      const key = keyAt === -1 ? '' : (values[keyAt] ?? '');
      yield { key: key === '' ? null : Buffer.from(key), value };
    }
  }

  async #learn(columns: readonly { readonly label: string; readonly dataType: string }[]) {
    const { fields, grew } = this.#schema.fieldsOf(columns);
    if (grew || this.#encoder === undefined) {
      const id = await registerSchema(this.#context.registryUrl, this.#subject, this.#schema.schema());
      this.#encoder = this.#schema.encoder(id);
    }
    return fields;
  }
}

/** The query with its bounds as the option `v`, behind its imports. */
export function withRange(query: string, startMs: number, stopMs: number): string {
  const time = (ms: number) => `time(v: "${new Date(ms).toISOString()}")`;
  const option = `option v = {timeRangeStart: ${time(startMs)}, timeRangeStop: ${time(stopMs)}}`;
  const lines = query.split('\n');
  const lastImport = lines.findLastIndex((line) => /^\s*(import\s+|package\s+)/.test(line));
  return [...lines.slice(0, lastImport + 1), option, ...lines.slice(lastImport + 1)].join('\n');
}
