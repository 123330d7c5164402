import { PlatformError } from '../common/errors.ts';
import type { KafkaCluster } from '../common/kafka/client.ts';
import { takePartInGroup } from '../common/kafka/group-member.ts';
import { ensureTopics, partitionCounts, type TopicSpec } from '../common/kafka/topics.ts';
import { type ServiceContext, untilDone } from '../common/lifecycle.ts';
import type { ObservationReader } from './observation-reader.ts';
import { PartitionTask } from './partition-task.ts';
import type { StreamMetrics } from './stream-metrics.ts';
import type { StreamTask } from './stream-task.ts';

export interface WorkerOptions extends ServiceContext {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  readonly input: string;
  /** Undefined for an analysis that writes no records. */
  readonly output: string | undefined;
  readonly reader: ObservationReader;
  readonly metrics: StreamMetrics;
  readonly commitMs: number;
  readonly fetchBytes: number;
  readonly sessionTimeoutMs: number;
  createTask(partition: number): StreamTask;
  /** Told what it waits for, by partition or `group`; undefined when it goes on. */
  onWaiting(part: string, reason: string | undefined): void;
}

export function changelogTopic(groupId: string): string {
  return `${groupId}.changelog`;
}

/** Small segments and a low share of dead records: a restart reads little more than what lives. */
const CHANGELOG_SETTINGS = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(16 * 2 ** 20),
  'min.cleanable.dirty.ratio': '0.2',
};

/** Works on the partitions that its group gives it, each in a task of its own, until the signal is aborted. */
export async function work(o: WorkerOptions): Promise<void> {
  const tasks = new Map<number, PartitionTask>();
  const ending = new Map<number, Promise<void>>();
  const partitions = await untilDone('looking for the input', o, () => partitionsOf(o));
  if (partitions === undefined) return;
  const prepare = topicsOf(o, partitions);
  const begin = (partition: number): void => {
    const task = new PartitionTask(
      {
        ...o,
        partition,
        prepare,
        figures: o.metrics.figuresOf(partition),
        changelog: changelogTopic(o.groupId),
        output: o.output === undefined ? undefined : { topic: o.output, partition },
        onWaiting: (of, reason) => o.onWaiting(`partition ${of}`, reason),
      },
      ending.get(partition) ?? Promise.resolve(),
    );
    tasks.set(partition, task);
  };
  const end = (partition: number): void => {
    const task = tasks.get(partition)!;
    tasks.delete(partition);
    ending.set(partition, task.stop());
  };
  try {
    o.onWaiting('group', 'the group has not given it a partition yet');
    await takePartInGroup({
      ...o,
      topic: o.input,
      held: () => [...tasks.keys()],
      onAssigned: (given) => {
        for (const partition of tasks.keys()) if (!given.includes(partition)) end(partition);
        for (const partition of given) if (!tasks.has(partition)) begin(partition);
        o.onWaiting('group', undefined);
        o.log.info({ partitions: given }, 'partitions of this worker');
      },
    });
  } finally {
    for (const partition of tasks.keys()) end(partition);
    await Promise.all(ending.values());
  }
}

/** What makes place for a partition in the topics that are written: once for all of them, and again when one of them may be gone. */
function topicsOf(o: WorkerOptions, atStart: number): (partition: number, again: boolean) => Promise<void> {
  let prepared = 0;
  let doing: Promise<void> = Promise.resolve();
  const ensure = async (partition: number, again: boolean): Promise<void> => {
    if (partition < prepared && !again) return;
    const count = Math.max(partition + 1, atStart, prepared);
    const topics: TopicSpec[] = [{ topic: changelogTopic(o.groupId), partitions: count, settings: CHANGELOG_SETTINGS }];
    if (o.output !== undefined) topics.push({ topic: o.output, partitions: count });
    await ensureTopics(o.kafka, topics);
    prepared = count;
  };
  // One after another: tasks begin at the same time, and topics grow by steps.
  return (partition, again) => {
    const mine = doing.then(() => ensure(partition, again));
    doing = mine.catch(() => undefined);
    return mine;
  };
}

async function partitionsOf({ kafka, input, onWaiting }: WorkerOptions): Promise<number> {
  const count = (await partitionCounts(kafka, [input])).get(input);
  onWaiting('input', count === undefined ? `${input} does not exist yet` : undefined);
  if (count === undefined) throw new PlatformError('KAFKA_NO_TOPIC', `there is no ${input} yet`);
  return count;
}
