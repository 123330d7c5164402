import { PlatformError } from '../common/errors.ts';
import type { KafkaCluster } from '../common/kafka/client.ts';
import { FetchedRecords } from '../common/kafka/fetched-records.ts';
import { PartitionFetcher } from '../common/kafka/partition-fetcher.ts';
import { offsetRanges } from '../common/kafka/topics.ts';
import type { StreamTask, TaskClock } from './stream-task.ts';

/** No state has a key of one byte. */
export const POSITION_KEY = Buffer.from([0xff]);

/** How far a task was when its state was written: offset of the next input record, and its time. */
export interface TaskPosition {
  readonly offset: number;
  readonly clock: TaskClock;
  /** `form` of the task; undefined where an older version wrote it. */
  readonly form?: string | undefined;
}

/** Infinities are no JSON: a time that is not known yet is left out. */
export function encodePosition({ offset, clock, form }: TaskPosition): Buffer {
  const { streamTimeMs, closedThroughMs } = clock;
  return Buffer.from(JSON.stringify({ offset, time: finite(streamTimeMs), closed: finite(closedThroughMs), form }));
}

interface KeptPosition {
  readonly offset: number;
  readonly time?: number;
  readonly closed?: number;
  readonly form?: string;
}

/** Throws at what encodePosition cannot have written. */
export function decodePosition(bytes: Buffer): TaskPosition {
  const { offset, time, closed, form } = JSON.parse(bytes.toString()) as KeptPosition;
  if (!Number.isSafeInteger(offset)) throw new RangeError('no position');
  const never = Number.NEGATIVE_INFINITY;
  return { offset, clock: { streamTimeMs: time ?? never, closedThroughMs: closed ?? never }, form };
}

function finite(time: number): number | undefined {
  return Number.isFinite(time) ? time : undefined;
}

export interface RestoreOptions {
  readonly kafka: KafkaCluster;
  readonly topic: string;
  readonly partition: number;
  readonly task: StreamTask;
  readonly signal: AbortSignal;
}

export interface Restored {
  readonly records: number;
  /** Records that this analysis cannot have written, and the offset of the first: passed over. */
  readonly strange: number;
  readonly firstStrange: number;
  /** Undefined when nothing was ever committed. */
  readonly position: TaskPosition | undefined;
}

/** As large as an answer may be: the changelog is read from end to end, by nobody else at the time. */
const RESTORE_FETCH_BYTES = 8 * 2 ** 20;
const RESTORE_WAIT_MS = 250;

/**
 * Reads one partition of a changelog into a task, from its first record to the last that is committed now: the writer must be fenced
 * before. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED, RECORD_BATCH_CORRUPT; CONFIG_INVALID when the state is of another form, such as other
 * windows: a position of it stands in the changelog.
 */
export async function restore(o: RestoreOptions): Promise<Restored> {
  const ranges = await offsetRanges(o.kafka, o.topic);
  const range = ranges.find(({ partition }) => partition === o.partition);
  if (range === undefined) return { records: 0, strange: 0, firstStrange: -1, position: undefined };
  const fetchBytes = RESTORE_FETCH_BYTES;
  const fetcher = new PartitionFetcher({ kafka: o.kafka, topic: o.topic, partition: o.partition, fetchBytes });
  const cursor = new FetchedRecords();
  const end = Number(range.next);
  let position: TaskPosition | undefined;
  let records = 0;
  let strange = 0;
  let firstStrange = -1;
  try {
    let at = Number(range.first);
    const begin = (from: number) => {
      const fetching = fetcher.fetch(from, RESTORE_WAIT_MS);
      // Nobody waits for it any more when the signal is aborted.
      fetching.catch(() => undefined);
      return fetching;
    };
    let next = at < end ? begin(at) : undefined;
    while (next !== undefined && !o.signal.aborted) {
      const { bytes, aborted } = await next;
      const behind = FetchedRecords.endOf(bytes, at);
      // The next answer is on its way while this one is read.
      next = behind < end && behind > at ? begin(behind) : undefined;
      cursor.reset(bytes, aborted, at);
      while (await cursor.nextBatch()) {
        while (cursor.next()) {
          records++;
          try {
            position = restoreRecord(o.task, cursor) ?? position;
          } catch {
            if (strange++ === 0) firstStrange = cursor.offset;
          }
        }
      }
      if (behind === at && at < end) next = begin(at);
      at = behind;
    }
  } finally {
    await fetcher.close();
  }
  o.signal.throwIfAborted();
  if (position !== undefined) {
    assertForm(o, position);
    o.task.clock = position.clock;
  }
  return { records, strange, firstStrange, position };
}

function assertForm({ task, topic }: RestoreOptions, { form }: TaskPosition): void {
  if (form === undefined || form === task.form) return;
  const remedy = 'give this one a --group-id of its own';
  throw new PlatformError('CONFIG_INVALID', `${topic} holds ${form}, not ${task.form}: ${remedy}`);
}

function restoreRecord(task: StreamTask, cursor: FetchedRecords): TaskPosition | undefined {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
  const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
  const key = bytes.subarray(Math.max(0, keyStart), Math.max(0, keyEnd));
  if (key.equals(POSITION_KEY)) return value === null ? undefined : decodePosition(value);
  task.restore(key, value);
  return undefined;
}
