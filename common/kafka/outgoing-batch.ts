import type { PlatformError } from '../errors.ts';
import type { BatchPart } from './batch-sender.ts';
import { type PlainRecord, RecordAppender } from './record-batch.ts';

/** Called once: without an error when Kafka has committed the record, with one when it never will. */
export type OnCommitted = (error?: PlatformError) => void;

export interface OutgoingRecord extends PlainRecord {
  readonly topic: string;
}

interface Section {
  readonly topic: string;
  readonly records: RecordAppender;
  readonly onCommitted: (OnCommitted | undefined)[];
}

/** Records on their way together: encoded as they come, by topic, with who is to be told of each. */
export class OutgoingBatch {
  readonly #memory: () => Buffer;
  readonly #sections: Section[] = [];
  records = 0;
  /** Keys and values. */
  bytes = 0;

  /** @param memory a buffer for the records of one topic; it grows when it is too small */
  constructor(memory: () => Buffer) {
    this.#memory = memory;
  }

  append(record: OutgoingRecord, bytes: number, onCommitted: OnCommitted | undefined): void {
    const section = this.#sectionOf(record.topic);
    section.records.append(record);
    section.onCommitted.push(onCommitted);
    this.records++;
    this.bytes += bytes;
  }

  parts(): BatchPart[] {
    return this.#sections.map(({ topic, records }) => ({ topic, count: records.count, bytes: records.bytes }));
  }

  /** The memory of all parts, once nobody reads them any more. */
  memory(): Buffer[] {
    return this.#sections.map(({ records }) => records.memory);
  }

  /** Tells each, in the order of appending within a topic. */
  settle(errorOf: (part: number, index: number) => PlatformError | undefined, onFault: (fault: unknown) => void): void {
    for (let part = 0; part < this.#sections.length; part++) {
      const listeners = this.#sections[part]!.onCommitted;
      for (let index = 0; index < listeners.length; index++) {
        try {
          listeners[index]?.(errorOf(part, index));
        } catch (fault) {
          onFault(fault);
        }
      }
    }
  }

  #sectionOf(topic: string): Section {
    // A gateway has five topics: a search by name costs less than a hash.
    for (const section of this.#sections) if (section.topic === topic) return section;
    const section = { topic, records: new RecordAppender(this.#memory()), onCommitted: [] };
    this.#sections.push(section);
    return section;
  }
}
