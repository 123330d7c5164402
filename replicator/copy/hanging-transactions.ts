import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { Cluster, TopicInfo } from '../wire/cluster.ts';
import type { LaneProducer } from './lane-producer.ts';
import type { PositionLog } from './position-log.ts';
import { nameOf } from './source-partition.ts';
import { offsetRanges } from './source-reader.ts';

export interface HangingOptions {
  readonly target: Cluster;
  /** Opened already: the coordinator knows of no transaction that is under way. */
  readonly producer: LaneProducer;
  readonly positionLog: PositionLog;
  readonly topics: ReadonlyMap<string, TopicInfo>;
  /** Topics that nobody but the lane writes to at the target. */
  readonly copied: readonly string[];
  readonly purpose: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly leader: number;
}

/** The markers of an orderly end may be a moment on their way. */
const TRIES = 5;
const PAUSE_MS = 100;

/**
 * A broker that is stopped while it ends a transaction may note the end and never write it into the partitions (seen with Kafka 4.3.1).
 * To the coordinator the transaction is over, to readers it is open: they see nothing behind it, and the next commit under the same
 * producer id would bring it in besides what is copied again. So nothing may be open when a lane begins: what is, is ended here,
 * as the lane's positions say that it ended.
 */
export async function settleHanging(o: HangingOptions): Promise<void> {
  for (let tries = 0; tries < TRIES && !o.signal.aborted; tries++) {
    const hanging = await hangingOf(o);
    if (hanging.length === 0) return;
    const isUndecided = hanging.some(({ topic }) => topic === o.positionLog.topic);
    const committed = !isUndecided && (await o.positionLog.isLastCommitted(o.target, o.topics, o.purpose));
    const partitions = hanging.map(nameOf);
    o.log.warn(
      { lane: o.purpose, partitions, committed },
      'the target left a transaction open that it had ended: it is ended now',
    );
    await o.producer.settle(hanging, committed);
    await sleep(PAUSE_MS, o.signal);
  }
  const left = await hangingOf(o);
  if (left.length > 0)
    o.log.warn(
      { lane: o.purpose, partitions: left.map(nameOf) },
      'a transaction of somebody else is open in topics that are the copy’s',
    );
}

/** Partitions in which something is neither committed nor aborted. */
async function hangingOf({ target, positionLog, topics, copied, purpose }: HangingOptions): Promise<readonly Place[]> {
  const places: Place[] = [positionLog.placeIn(topics)];
  for (const topic of copied)
    for (const { partition, leader } of topics.get(topic)?.partitions ?? []) places.push({ topic, partition, leader });
  const all = await offsetRanges(target, places, purpose, 'read_uncommitted');
  const stable = await offsetRanges(target, places, purpose, 'read_committed');
  return places.filter((place) => stable.get(nameOf(place))!.next < all.get(nameOf(place))!.next);
}
