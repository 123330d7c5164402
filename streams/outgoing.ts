import { RecordAppender } from '../common/kafka/record-batch.ts';
import type { PartitionPart } from '../common/kafka/transactional-producer.ts';
import type { Emitter } from './stream-task.ts';

/** Below the broker's message.max.bytes (1 MiB): a part makes one batch. A single record above it goes alone, and the broker decides. */
const PART_BYTES = 900_000;
const FIRST_MEMORY_BYTES = 64 * 2 ** 10;

export interface OutgoingTarget {
  readonly topic: string;
  readonly partition: number;
}

/** What one flush says, encoded as batches for the partitions it goes to. */
export class Outgoing implements Emitter {
  readonly parts: PartitionPart[] = [];
  outputs = 0;
  changes = 0;
  readonly #output: OutgoingTarget | undefined;
  readonly #changelog: OutgoingTarget;
  #outputOpen: RecordAppender | undefined;
  #changelogOpen: RecordAppender | undefined;

  /** @param output undefined for an analysis that writes no records */
  constructor(output: OutgoingTarget | undefined, changelog: OutgoingTarget) {
    this.#output = output;
    this.#changelog = changelog;
  }

  output(key: Buffer, value: Buffer): void {
    if (this.#output === undefined) return;
    this.outputs++;
    this.#outputOpen ??= new RecordAppender(Buffer.allocUnsafe(FIRST_MEMORY_BYTES));
    this.#outputOpen.append({ key, value });
    if (this.#outputOpen.length < PART_BYTES) return;
    this.parts.push(partOf(this.#output, this.#outputOpen));
    this.#outputOpen = undefined;
  }

  change(key: Buffer, value: Buffer | null): void {
    this.changes++;
    this.#changelogOpen ??= new RecordAppender(Buffer.allocUnsafe(FIRST_MEMORY_BYTES));
    this.#changelogOpen.append({ key, value });
    if (this.#changelogOpen.length < PART_BYTES) return;
    this.parts.push(partOf(this.#changelog, this.#changelogOpen));
    this.#changelogOpen = undefined;
  }

  finish(): readonly PartitionPart[] {
    if (this.#outputOpen !== undefined) this.parts.push(partOf(this.#output!, this.#outputOpen));
    if (this.#changelogOpen !== undefined) this.parts.push(partOf(this.#changelog, this.#changelogOpen));
    return this.parts;
  }
}

function partOf({ topic, partition }: OutgoingTarget, { count, bytes }: RecordAppender): PartitionPart {
  return { topic, partition, count, bytes };
}
