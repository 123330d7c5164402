import { PlatformError } from '../../common/errors.ts';

/** Where a lane stands in one partition of its source. */
export interface Position {
  /** Next offset to copy. */
  readonly offset: number;
  /** Leader epoch of the record before it; -1 when not known. */
  readonly epoch: number;
}

/** Where it stands in one topic. A topic that was deleted and made anew has another id. */
export interface TopicPositions {
  id: string;
  readonly partitions: Map<number, Position>;
}

interface Written {
  readonly version: 1;
  readonly clusterId: string;
  readonly topics: Readonly<Record<string, { id: string; partitions: readonly (readonly [number, number, number])[] }>>;
}

/**
 * How far a lane is in all its partitions, as one record of the topic of positions says it: written to the target in the same
 * transaction as the records themselves. It is a topic and no consumer group, whose offsets brokers forget after a week without
 * a commit: an outage may last longer.
 */
export class LanePositions {
  /** Of the source when it was written; it is the ids of the topics that tell whether they are still the same. */
  clusterId: string;
  readonly #topics = new Map<string, TopicPositions>();

  constructor(clusterId: string) {
    this.clusterId = clusterId;
  }

  /** @param value JSON that `encode` gave. Errors: REPLICATION_POSITIONS when it cannot be read. */
  static decode(value: Buffer): LanePositions {
    const { clusterId, topics } = parse(value);
    const positions = new LanePositions(clusterId);
    for (const [topic, { id, partitions }] of Object.entries(topics)) {
      for (const [partition, offset, epoch] of partitions) positions.set(topic, id, partition, { offset, epoch });
    }
    return positions;
  }

  encode(): Buffer {
    const topics: Record<string, { id: string; partitions: [number, number, number][] }> = {};
    for (const [topic, { id, partitions }] of this.#topics) {
      topics[topic] = {
        id,
        partitions: [...partitions].map(([partition, { offset, epoch }]) => [partition, offset, epoch]),
      };
    }
    const written: Written = { version: 1, clusterId: this.clusterId, topics };
    return Buffer.from(JSON.stringify(written));
  }

  /** As it is now: what is set later is not in it. */
  copy(): LanePositions {
    const copy = new LanePositions(this.clusterId);
    for (const [topic, { id, partitions }] of this.#topics)
      copy.#topics.set(topic, { id, partitions: new Map(partitions) });
    return copy;
  }

  of(topic: string): TopicPositions | undefined {
    return this.#topics.get(topic);
  }

  /** With another id than before, what was known of the topic is forgotten. */
  set(topic: string, id: string, partition: number, position: Position): void {
    let positions = this.#topics.get(topic);
    if (positions === undefined || positions.id !== id) {
      positions = { id, partitions: new Map() };
      this.#topics.set(topic, positions);
    }
    positions.partitions.set(partition, position);
  }
}

function parse(value: Buffer): Written {
  try {
    const written: unknown = JSON.parse(value.toString());
    if (isWritten(written)) return written;
  } catch {
    // As one of another version: said below.
  }
  throw new PlatformError('REPLICATION_POSITIONS', 'the last record of the positions at the target cannot be read');
}

function isWritten(value: unknown): value is Written {
  const { version, clusterId, topics } = asObject(value);
  if (version !== 1 || typeof clusterId !== 'string' || typeof topics !== 'object' || topics === null) return false;
  return Object.values(topics).every((topic: unknown) => {
    const { id, partitions } = asObject(topic);
    return typeof id === 'string' && Array.isArray(partitions) && partitions.every(isPlace);
  });
}

function isPlace(place: unknown): boolean {
  if (!Array.isArray(place) || place.length !== 3 || !place.every(Number.isSafeInteger)) return false;
  const [partition, offset, epoch] = place as [number, number, number];
  return partition >= 0 && offset >= 0 && epoch >= -1;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
