/**
 * How carefully records are written to a partition that refused some: as they come, in small batches, or one by
 * one, so that the one at fault is known.
 */
export type Caution = 'none' | 'small' | 'single';

/** One partition that a lane reads, and how far it has read it. */
export interface SourcePartition {
  readonly topic: string;
  readonly partition: number;
  topicId: string;
  leader: number;
  leaderEpoch: number;
  /** Next offset to ask for; what is behind it may not be committed yet. */
  fetchOffset: number;
  /** Leader epoch of the batch before that, so that the source can tell when its log was cut; -1 when not known. */
  lastEpoch: number;
  /** End of what may be read (last stable offset), and the oldest offset that is left, as last heard; -1 when never. */
  endOffset: number;
  logStart: number;
  /** Until when it is not asked for (performance.now()), because the target refuses its next record for good. */
  restsUntilMs: number;
  caution: Caution;
  /** The caution ends when this offset is committed. */
  cautionUntil: number;
  /** It is read up to here: the record there was refused, and those before it are brought in first. */
  stopBefore: number;
}

export function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}
