import { setImmediate as nextTurn } from 'node:timers/promises';
import { hasCode } from '../../common/errors.ts';
import type { WriterSchema } from '../../common/records.ts';
import { compileSchema } from '../../schemas/avro-types.ts';
import type { ByteSink, SinkRecord, SinkValue, Skips } from '../sink.ts';
import { ensureBucket } from './bucket.ts';
import { type InfluxAddress, InfluxClient, isUnauthorised } from './client.ts';
import type { DirectLines } from './direct-lines.ts';
import { LineBuffer } from './line-buffer.ts';
import { LINES_PER_REQUEST, LineChunk, REQUEST_BYTES } from './line-chunk.ts';
import { RESOURCE_LINES } from './line-protocol.ts';
import type { LineMapping, RecordLines } from './line-text.ts';

export interface InfluxdbTarget extends InfluxAddress {
  readonly bucket: string;
  /** Make the bucket when it is not there; false when absent. */
  readonly createBucket?: boolean;
  /** How long points are kept, in seconds; 0 for ever, as it is when absent. */
  readonly retentionSeconds?: number | undefined;
}

/** While InfluxDB works on one request the lines of the next are made and sent. */
const POSTS_AT_ONCE = 2;
/** Schemas of one topic that are remembered; beyond it the oldest is learnt again. */
const SCHEMAS_LIMIT = 1_000;
/** Buffers that wait to be used again. */
const FREE_BUFFERS_LIMIT = POSTS_AT_ONCE + 1;
/** A buffer that grew beyond this was for records that are not of the usual kind. */
const KEPT_BUFFER_BYTES = 2 * REQUEST_BYTES;

/** Records as points: observations and replies in the measurement `resources`, or what the given mapping makes of any record. */
export class InfluxdbSink implements ByteSink {
  readonly chunksAtOnce = POSTS_AT_ONCE;
  readonly #target: InfluxdbTarget;
  readonly #client: InfluxClient;
  readonly #mapping: LineMapping;
  readonly #direct = new Map<string, Map<number, DirectLines | undefined>>();
  readonly #free: LineBuffer[] = [];
  readonly counters = { points_written: 0, points_not_finite: 0 };

  constructor(target: InfluxdbTarget, mapping: LineMapping = RESOURCE_LINES) {
    this.#target = target;
    this.#client = new InfluxClient(target);
    this.#mapping = mapping;
  }

  async connect(signal: AbortSignal): Promise<void> {
    const { bucket, createBucket: create = false, retentionSeconds } = this.#target;
    await this.#client.connect(signal);
    await ensureBucket(this.#client, { bucket, create, retentionSeconds }, signal);
    // An empty write is answered 204 only when token, organisation and bucket are right, and a write-only token may do it.
    await this.#post(Buffer.alloc(0), signal);
  }

  openChunk(topic: string, partition: number): LineChunk {
    const lines = this.#free.pop() ?? new LineBuffer();
    lines.clear();
    return new LineChunk(lines, this.#schemasOf(topic), partition);
  }

  learn(topic: string, from: SinkValue['from'], schema: WriterSchema): void {
    const schemas = this.#schemasOf(topic);
    if (schemas.has(schema.id)) return;
    if (schemas.size >= SCHEMAS_LIMIT) schemas.delete(schemas.keys().next().value!);
    schemas.set(schema.id, this.#mapping.direct?.(topic, from, schema.schema, compileSchema(schema.schema)));
  }

  async writeChunk({ lines }: LineChunk, signal: AbortSignal): Promise<void> {
    await this.#post(lines.content, signal);
    this.counters.points_written += lines.lines;
  }

  release({ lines }: LineChunk): void {
    if (this.#free.length < FREE_BUFFERS_LIMIT && lines.capacity <= KEPT_BUFFER_BYTES) this.#free.push(lines);
  }

  async write(batch: readonly SinkRecord[], signal: AbortSignal): Promise<Skips> {
    const tally = new Tally();
    const posts: Promise<void>[] = [];
    for (const body of this.#bodiesOf(batch, tally)) {
      await posts.at(-POSTS_AT_ONCE)?.catch(() => undefined);
      const post = this.#post(Buffer.from(body), signal);
      // Told below; until then a failure is not unheard.
      post.catch(() => undefined);
      posts.push(post);
      // The socket takes the request before the next lines are made.
      await nextTurn();
    }
    // All settle before a failure is told, so that nothing is under way when the batch comes again.
    const failed = (await Promise.allSettled(posts)).find((post) => post.status === 'rejected');
    if (failed !== undefined) {
      if (batch.length === 1 && hasCode(failed.reason, 'SINK_REFUSED')) await this.#storeGoodLines(batch[0]!, signal);
      throw failed.reason;
    }
    this.counters.points_written += tally.points;
    this.counters.points_not_finite += tally.notFinite;
    return tally.skips;
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #schemasOf(topic: string): Map<number, DirectLines | undefined> {
    const known = this.#direct.get(topic);
    if (known !== undefined) return known;
    const schemas = new Map<number, DirectLines | undefined>();
    this.#direct.set(topic, schemas);
    return schemas;
  }

  /** Of a record with a line that InfluxDB refuses the others are stored: the runner sets it aside as a whole. */
  async #storeGoodLines(record: SinkRecord, signal: AbortSignal): Promise<void> {
    const { lines } = this.#mapping.linesOf(record);
    if (lines.length < 2) return;
    for (const line of lines) {
      try {
        await this.#post(Buffer.from(line), signal);
        this.counters.points_written++;
      } catch (error) {
        if (!hasCode(error, 'SINK_REFUSED')) throw error;
      }
    }
  }

  /** A session that has run out is opened anew, once. */
  async #post(lines: Buffer, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.write(this.#target.bucket, lines, signal);
    } catch (error) {
      if (!isUnauthorised(error)) throw error;
      await this.#client.connect(signal);
      await this.#client.write(this.#target.bucket, lines, signal);
    }
  }

  /** The lines of the batch in request bodies; the tally is complete after the last. */
  *#bodiesOf(batch: readonly SinkRecord[], tally: Tally): Generator<string> {
    let lines: string[] = [];
    let characters = 0;
    for (const record of batch) {
      const made = this.#mapping.linesOf(record);
      tally.add(made);
      for (const line of made.lines) {
        if (lines.length >= LINES_PER_REQUEST || characters + line.length > REQUEST_BYTES) {
          yield lines.join('\n');
          lines = [];
          characters = 0;
        }
        lines.push(line);
        characters += line.length + 1;
      }
    }
    if (lines.length > 0) yield lines.join('\n');
  }
}

class Tally {
  points = 0;
  notFinite = 0;
  readonly skips: Skips = {};

  add({ lines, notFinite }: RecordLines): void {
    this.points += lines.length;
    this.notFinite += notFinite;
    if (lines.length > 0) return;
    const reason = notFinite > 0 ? 'not_finite' : 'no_field';
    this.skips[reason] = (this.skips[reason] ?? 0) + 1;
  }
}
