import { KafkaBatchSender } from '../common/kafka/batch-sender.ts';
import type { KafkaCluster } from '../common/kafka/client.ts';
import { CommittingProducer } from '../common/kafka/committing-producer.ts';
import { type ConsumedBatch, type ConsumedRecord, consume } from '../common/kafka/consumer.ts';
import { committedOffsets, offsetRanges } from '../common/kafka/topics.ts';
import { untilDone } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { DEAD_LETTER_HEADERS } from './dead-letters.ts';
import { REPLAY_HEADERS } from './decode.ts';

export interface ReplayOptions {
  readonly kafka: KafkaCluster;
  /** The dead-letter topic. */
  readonly topic: string;
  readonly code?: string | undefined;
  readonly connector?: string | undefined;
  readonly limit?: number | undefined;
  readonly dryRun: boolean;
  /** Told each letter that is replayed, or would be. */
  onLetter(letter: Letter): void;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Where a record came from and why it was set aside. */
export interface Letter {
  readonly topic: string;
  readonly partition: string;
  readonly offset: string;
  readonly code: string;
  readonly message: string;
}

export interface ReplayCount {
  readonly replayed: number;
  /** Not asked for, or without what is needed: they stay where they are. */
  readonly passed: number;
}

/**
 * Sends what a dead-letter topic holds now back to the topics it came from, with key, value and headers as they were, and with the place
 * that each had at first, so that a store knows it again. What was replayed is remembered by a consumer group: a second call for the same
 * choice goes on behind it. At least once. Errors: KAFKA_UNAVAILABLE.
 */
export async function replay(o: ReplayOptions): Promise<ReplayCount> {
  // Another choice of letters has a position of its own: those that it passes are left for other calls.
  const groupId = ['zeelos-replay', o.topic, o.code, o.connector].filter((part) => part !== undefined).join('-');
  // A broker that has just started answers later.
  const done = await untilDone('asking what was replayed', o, () => committedOffsets(o.kafka, groupId, o.topic));
  if (done === undefined) return { replayed: 0, passed: 0 };
  const ranges = await offsetRanges(o.kafka, o.topic);
  const ends = new Map(
    ranges
      .filter(({ partition, first, next }) => next > max(first, done.get(partition) ?? 0n))
      .map(({ partition, next }) => [partition, next]),
  );
  const count = { replayed: 0, passed: 0 };
  if (ends.size === 0) return count;
  const finished = new AbortController();
  const signal = AbortSignal.any([o.signal, finished.signal]);
  const producer = new CommittingProducer(new KafkaBatchSender(o.kafka, o.log), o.log);
  const onBatch = async (batch: ConsumedBatch) => {
    const end = ends.get(batch.partition);
    const letters = batch.records.filter(({ offset }) => isOpen(BigInt(offset), done.get(batch.partition), end));
    const next = await replayLetters(o, producer, letters, count);
    if (!o.dryRun && next !== undefined) await batch.commit(next);
    const last = BigInt(batch.records.at(-1)!.offset) + 1n;
    if (end === undefined || last >= end) ends.delete(batch.partition);
    if (ends.size === 0 || isFull(o, count)) finished.abort();
  };
  // A dry run joins a group of its own, that never commits.
  const group = o.dryRun ? `${groupId}-dry-run` : groupId;
  await consume({
    kafka: o.kafka,
    groupId: group,
    topics: [o.topic],
    onBatch,
    commitsItself: true,
    signal,
    log: o.log,
  });
  await producer.close();
  return count;
}

/** The offset behind the last letter that is done; those behind the limit are left for the next call. */
async function replayLetters(
  o: ReplayOptions,
  producer: CommittingProducer,
  letters: readonly ConsumedRecord[],
  count: { replayed: number; passed: number },
): Promise<bigint | undefined> {
  let next: bigint | undefined;
  for (const record of letters) {
    if (isFull(o, count)) break;
    const letter = letterOf(record);
    if (letter === undefined || !isWanted(o, record, letter)) count.passed++;
    else {
      o.onLetter(letter);
      count.replayed++;
      if (!o.dryRun)
        await producer.commit({
          topic: letter.topic,
          key: record.key,
          value: record.value,
          headers: headersOf(record, letter),
        });
    }
    next = BigInt(record.offset) + 1n;
  }
  return next;
}

function isOpen(offset: bigint, done: bigint | undefined, end: bigint | undefined): boolean {
  return end !== undefined && offset < end && offset >= (done ?? 0n);
}

function isFull({ limit }: ReplayOptions, { replayed }: { readonly replayed: number }): boolean {
  return limit !== undefined && replayed >= limit;
}

function textOf(record: ConsumedRecord, name: string): string {
  return String(record.headers?.[name] ?? '');
}

/** Undefined for what is no letter of ours, and for one whose bytes were too large to repeat. */
function letterOf(record: ConsumedRecord): Letter | undefined {
  const [topic, partition, offset] = (['topic', 'partition', 'offset'] as const).map((name) =>
    textOf(record, DEAD_LETTER_HEADERS[name]),
  );
  if (!topic || !partition || !offset || textOf(record, DEAD_LETTER_HEADERS.omittedBytes) !== '') return undefined;
  const [code, message] = [textOf(record, DEAD_LETTER_HEADERS.code), textOf(record, DEAD_LETTER_HEADERS.message)];
  return { topic, partition, offset, code, message };
}

function isWanted({ code, connector }: ReplayOptions, record: ConsumedRecord, letter: Letter): boolean {
  if (code !== undefined && letter.code !== code) return false;
  return connector === undefined || textOf(record, DEAD_LETTER_HEADERS.connector) === connector;
}

/** The record's own headers, and its place; one that comes back again keeps the first place. */
function headersOf(record: ConsumedRecord, { partition, offset }: Letter): Record<string, Buffer | string> {
  const own = Object.entries(record.headers ?? {}).filter(([name]) => !name.startsWith('zeelos.dlq.'));
  return {
    [REPLAY_HEADERS.partition]: partition,
    [REPLAY_HEADERS.offset]: offset,
    ...(Object.fromEntries(own) as Record<string, Buffer | string>),
  };
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
