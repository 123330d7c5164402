/** A transaction that was aborted: its batches from this offset on, up to its marker, are no records. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** The part of a fetch answer that belongs to one partition. Offsets are numbers: exact up to 2^53. */
export interface FetchedPartition {
  /** Record batches one after another; the last may be cut short. */
  readonly bytes: Buffer;
  readonly highWatermark: number;
  /** What is committed ends here. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** In the order of their first offsets. */
  readonly aborted: readonly AbortedTransaction[];
}

export interface AnsweredPartition extends FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  /** A node that is nearer than the leader (KIP-392), or −1. */
  readonly preferredReadReplica: number;
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly AnsweredPartition[] }[];
}

/** A fetch answer of version 11: the fields stand in the order of Kafka's message definition FetchResponse.json. Nothing is copied. */
export function readFetchAnswer(body: Buffer): FetchAnswer {
  const reader = new AnswerReader(body);
  // The time for which the broker asks to be left alone: kafkajs does not wait for it either, from this version on.
  reader.skip(4);
  const errorCode = reader.int16();
  reader.skip(4);
  const topics = reader.array(() => ({ topic: reader.string(), partitions: reader.array(() => reader.partition()) }));
  return { errorCode, topics };
}

class AnswerReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#body.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#body.readInt32BE(this.#at - 4);
  }

  int64(): number {
    this.#at += 8;
    return Number(this.#body.readBigInt64BE(this.#at - 8));
  }

  string(): string {
    const length = this.int16();
    this.#at += length;
    return this.#body.toString('utf8', this.#at - length, this.#at);
  }

  /** An array may be null, which is as good as empty. */
  array<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left--) items.push(item());
    return items;
  }

  partition(): AnsweredPartition {
    const partition = this.int32();
    const errorCode = this.int16();
    const highWatermark = this.int64();
    const lastStableOffset = this.int64();
    const logStartOffset = this.int64();
    const aborted = this.array(() => ({ producerId: this.int64(), firstOffset: this.int64() }));
    aborted.sort((one, other) => one.firstOffset - other.firstOffset);
    const preferredReadReplica = this.int32();
    const length = Math.max(0, this.int32());
    const bytes = this.#body.subarray(this.#at, this.#at + length);
    this.#at += length;
    const offsets = { highWatermark, lastStableOffset, logStartOffset };
    return { partition, errorCode, bytes, ...offsets, aborted, preferredReadReplica };
  }
}
