import { createHash } from 'node:crypto';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { readTopic } from '../../common/kafka/read-topic.ts';
import type { Log } from '../../common/log.ts';

export interface TopicRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** When it was produced, ms since 1970. */
  readonly timestampMs: number;
}

/** Everything a topic holds, partition by partition. */
export async function recordsOf(
  kafka: KafkaCluster,
  topic: string,
  o: { readonly signal: AbortSignal; readonly log: Log },
): Promise<readonly TopicRecord[]> {
  const partitions = new Map<number, TopicRecord[]>();
  await readTopic({
    kafka,
    topic,
    ...o,
    onRecord: ({ key, value, timestamp }, partition) => {
      const records = partitions.get(partition) ?? [];
      partitions.set(partition, records);
      records.push({ key, value, timestampMs: Number(timestamp) });
    },
  });
  return [...partitions.values()].flat();
}

export interface CopyAccount {
  /** Records of the copy that came before: all of them but the first. */
  readonly repeats: number;
  readonly faults: readonly string[];
}

/** Compares a topic with its copy, byte for byte and key for key: all there, nothing else, in order, whatever the partitions. */
export function compareCopy(source: readonly TopicRecord[], copy: readonly TopicRecord[]): CopyAccount {
  const wanted = byKey(source);
  const found = byKey(copy);
  const faults: string[] = [];
  for (const [key, records] of wanted.sequences) {
    const fault = firstDifference(records, found.sequences.get(key) ?? []);
    if (fault !== undefined) faults.push(`key ${printable(key)}: ${fault}`);
  }
  for (const key of found.sequences.keys())
    if (!wanted.sequences.has(key)) faults.push(`key ${printable(key)} is only in the copy`);
  if (wanted.repeats > 0) faults.push(`${wanted.repeats} records stand twice in the source`);
  return { repeats: found.repeats, faults };
}

function byKey(records: readonly TopicRecord[]): { sequences: Map<string, string[]>; repeats: number } {
  const sequences = new Map<string, string[]>();
  const seen = new Set<string>();
  let repeats = 0;
  for (const { key, value } of records) {
    const name = key?.toString('latin1') ?? '';
    const digest = createHash('sha256')
      .update(name)
      .update(value ?? '')
      .digest('base64');
    const sequence = sequences.get(name) ?? [];
    sequences.set(name, sequence);
    if (seen.has(digest)) repeats++;
    else sequence.push(digest);
    seen.add(digest);
  }
  return { sequences, repeats };
}

function firstDifference(wanted: readonly string[], found: readonly string[]): string | undefined {
  const at = wanted.findIndex((digest, index) => found[index] !== digest);
  if (at >= 0) return `record ${at} of ${wanted.length} is missing or elsewhere in the copy, which has ${found.length}`;
  if (found.length > wanted.length) return `the copy has ${found.length} records instead of ${wanted.length}`;
  return undefined;
}

/** Control characters of the Avro frame left out. */
function printable(key: string): string {
  return JSON.stringify(key.replace(/[^ -~]/g, ''));
}
