import { hasCode, PlatformError } from '../../common/errors.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { commitGroupOffsets, deleteGroup, type GroupOffset, groupOffsets } from '../../common/kafka/group-offsets.ts';
import { type OffsetRange, offsetRanges } from '../../common/kafka/topics.ts';
import { TransactionalWriter } from '../../common/kafka/transactional-writer.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import {
  cursorOf,
  cursorRecord,
  cursorWriterId,
  offsetsTopic,
  readCursor,
  type SourceCursor,
} from '../source-cursor.ts';

/** An offset in the shape of Kafka Connect; null as `offset` resets the partition. */
export interface ConnectorOffset {
  readonly partition: Readonly<Record<string, unknown>>;
  readonly offset: Readonly<Record<string, unknown>> | null;
}

/** The group in which the tasks of a sink share its partitions. */
export function groupOf(connector: string): string {
  return `connect-${connector}`;
}

/** Offsets of one request. */
export const OFFSETS_LIMIT = 10_000;
/** Tasks of a connector that was stopped a moment ago are waited for, and so is a commit. */
const WAIT_MS = 10_000;
const LOOK_AGAIN_MS = 250;
const READ_LIMIT_MS = 30_000;
/** A source has one task. */
const TASK = 0;

export interface ConnectorOffsetsOptions {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Where connectors stand (KIP-875). `false` as an answer: tasks of the connector have not ended yet. */
export class ConnectorOffsets {
  readonly #o: ConnectorOffsetsOptions;

  constructor(o: ConnectorOffsetsOptions) {
    this.#o = o;
  }

  /** Errors: KAFKA_UNAVAILABLE. */
  async read(connector: string, type: 'sink' | 'source'): Promise<readonly ConnectorOffset[]> {
    if (type === 'source') {
      const cursor = await this.#cursor(connector);
      return cursor === undefined ? [] : [{ partition: { task: TASK }, offset: { ...cursor } }];
    }
    const offsets = await groupOffsets(this.#o.kafka, groupOf(connector));
    return [...offsets]
      .sort((one, other) =>
        one.topic === other.topic ? one.partition - other.partition : one.topic < other.topic ? -1 : 1,
      )
      .map(({ topic, partition, next }) => ({
        partition: { kafka_topic: topic, kafka_partition: partition },
        offset: { kafka_offset: Number(next) },
      }));
  }

  /** Errors: CONFIG_INVALID, KAFKA_UNAVAILABLE. */
  async alter(connector: string, type: 'sink' | 'source', given: unknown): Promise<boolean> {
    const offsets = listOf(given);
    if (type === 'source') return await this.#writeCursor(connector, sourceCursorIn(offsets));
    const { kafka } = this.#o;
    const wanted = offsets.map(sinkOffsetIn);
    const ranges = new Map<string, readonly OffsetRange[]>();
    for (const { topic } of wanted) if (!ranges.has(topic)) ranges.set(topic, await this.#ranges(topic));
    const positions = wanted.map((one) => positionOf(one, ranges.get(one.topic)!));
    return await this.#onceTrue(() => commitGroupOffsets(kafka, groupOf(connector), positions));
  }

  /** Errors: KAFKA_UNAVAILABLE. */
  async reset(connector: string, type: 'sink' | 'source'): Promise<boolean> {
    if (type === 'source') return await this.#writeCursor(connector, null);
    return await this.#onceTrue(() => deleteGroup(this.#o.kafka, groupOf(connector)));
  }

  async #onceTrue(attempt: () => Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + WAIT_MS;
    while (!(await attempt())) {
      if (performance.now() > deadline || this.#o.signal.aborted) return false;
      await sleep(LOOK_AGAIN_MS, this.#o.signal);
    }
    return true;
  }

  async #ranges(topic: string): Promise<readonly OffsetRange[]> {
    try {
      return await offsetRanges(this.#o.kafka, topic);
    } catch (error) {
      if (hasCode(error, 'KAFKA_NO_TOPIC')) return [];
      throw error;
    }
  }

  async #cursor(connector: string): Promise<SourceCursor | undefined> {
    const { kafka, groupId, log, signal } = this.#o;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(READ_LIMIT_MS)]);
    try {
      return await readCursor({ kafka, groupId, log, signal: limited }, connector, TASK);
    } catch (error) {
      if (hasCode(error, 'KAFKA_NO_TOPIC')) return undefined;
      throw error;
    }
  }

  /** Under the id of the task: one that should still run can write nothing more. */
  async #writeCursor(connector: string, cursor: SourceCursor | null): Promise<boolean> {
    const { kafka, groupId, log } = this.#o;
    const writer = await TransactionalWriter.open(kafka, cursorWriterId(connector, TASK), log);
    try {
      await writer.send(offsetsTopic(groupId), [cursorRecord(connector, TASK, cursor)]);
      await writer.commit();
    } catch (error) {
      // No source has run yet: there is nothing to forget.
      if (cursor !== null || !hasCode(error, 'KAFKA_NO_TOPIC')) throw error;
    } finally {
      await writer.close();
    }
    // A commit is answered before its markers are written, and until then readers of committed records see what stood before.
    return await this.#onceTrue(async () => (await this.#cursor(connector))?.stop === cursor?.stop);
  }
}

function refused(message: string): PlatformError {
  return new PlatformError('CONFIG_INVALID', message);
}

function listOf(given: unknown): readonly ConnectorOffset[] {
  const offsets = (given as { offsets?: unknown } | null | undefined)?.offsets;
  if (!Array.isArray(offsets) || offsets.length === 0)
    throw refused('Partitions / offsets need to be provided for an alter offsets request');
  if (offsets.length > OFFSETS_LIMIT) throw refused(`At most ${OFFSETS_LIMIT} offsets can be altered at once`);
  const isTable = (one: unknown) => typeof one === 'object' && one !== null && !Array.isArray(one);
  for (const one of offsets as unknown[]) {
    const { partition, offset } = (one ?? {}) as { partition?: unknown; offset?: unknown };
    if (!isTable(partition)) throw refused('The partition of an offset cannot be null or missing');
    if (offset !== null && !isTable(offset))
      throw refused('An offset must be an object, or null to reset its partition');
  }
  return offsets as ConnectorOffset[];
}

interface SinkOffset {
  readonly topic: string;
  readonly partition: number;
  /** Undefined: from the beginning. */
  readonly next: bigint | undefined;
}

function sinkOffsetIn({ partition, offset }: ConnectorOffset): SinkOffset {
  const { kafka_topic: topic, kafka_partition: number } = partition;
  if (typeof topic !== 'string' || number === undefined)
    throw refused("The partition of a sink connector's offset must have the keys kafka_topic and kafka_partition");
  const wholeNumber = (value: unknown, what: string) => {
    if (!/^\d{1,15}$/.test(String(value))) throw refused(`${what} ${JSON.stringify(value)} is no whole number`);
    return Number(value);
  };
  const index = wholeNumber(number, 'kafka_partition');
  if (offset === null) return { topic, partition: index, next: undefined };
  if (offset.kafka_offset === undefined)
    throw refused("A sink connector's offset must be null or have the key kafka_offset");
  return { topic, partition: index, next: BigInt(wholeNumber(offset.kafka_offset, 'kafka_offset')) };
}

/** A reset partition is read from its beginning, as one that was never committed. */
function positionOf({ topic, partition, next }: SinkOffset, ranges: readonly OffsetRange[]): GroupOffset {
  const range = ranges.find((one) => one.partition === partition);
  if (range === undefined) throw refused(`There is no partition ${partition} of ${topic}`);
  // An offset behind the end would make the consumer begin anew, with everything.
  if (next !== undefined && next > range.next)
    throw refused(`kafka_offset ${next} of ${topic} partition ${partition} is behind its end, ${range.next}`);
  return { topic, partition, next: next ?? range.first };
}

function sourceCursorIn(offsets: readonly ConnectorOffset[]): SourceCursor | null {
  const [one] = offsets;
  if (offsets.length !== 1 || one === undefined || one.partition.task !== TASK)
    throw refused(`A source has one partition, {"task": ${TASK}}`);
  if (one.offset === null) return null;
  const cursor = cursorOf(one.offset);
  if (cursor === undefined)
    throw refused('The offset of a source must have the key stop, a time as 2026-01-01T00:00:00Z');
  return cursor;
}
