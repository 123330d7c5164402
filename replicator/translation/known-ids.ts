import { PlatformError } from '../../common/errors.ts';
import type { SchemaIds, UnknownSchemaId } from '../../common/kafka/batch/schema-ids.ts';

/** One line of a map: topic, which part of its records, id of the source, id of the target. */
export type KnownId = readonly [topic: string, part: UnknownSchemaId['part'], from: number, to: number];

/** Of one direction. A gateway has a handful; so many come from a producer that registers a schema with each record. */
export const KNOWN_IDS_LIMIT = 10_000;

/** What is known of one direction. By topic, because a schema is registered under the subjects of each topic that it is used in. */
export class KnownIds {
  readonly #topics = new Map<string, TopicIds>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** The same object for a topic each time; it grows, and is emptied by `clear`. */
  of(topic: string): TopicIds {
    let ids = this.#topics.get(topic);
    if (ids === undefined) {
      ids = new TopicIds();
      this.#topics.set(topic, ids);
    }
    return ids;
  }

  /** Errors: REGISTRY_REFUSED at the limit. */
  assertRoom(): void {
    if (this.#count < KNOWN_IDS_LIMIT) return;
    const advice = 'a producer that registers a schema with each record must be mended, and the replicator restarted';
    throw new PlatformError('REGISTRY_REFUSED', `more than ${KNOWN_IDS_LIMIT} schema ids are in use: ${advice}`);
  }

  /** Errors: REGISTRY_REFUSED at the limit. */
  set([topic, part, from, to]: KnownId): void {
    this.assertRoom();
    const ids = this.of(topic)[part === 'key' ? 'keys' : 'values'];
    if (!ids.has(from)) this.#count++;
    ids.set(from, to);
  }

  clear(): void {
    for (const { keys, values } of this.#topics.values()) {
      keys.clear();
      values.clear();
    }
    this.#count = 0;
  }

  entries(): KnownId[] {
    const all: KnownId[] = [];
    for (const [topic, { keys, values }] of this.#topics) {
      for (const [from, to] of keys) all.push([topic, 'key', from, to]);
      for (const [from, to] of values) all.push([topic, 'value', from, to]);
    }
    return all;
  }
}

class TopicIds implements SchemaIds {
  readonly keys = new Map<number, number>();
  readonly values = new Map<number, number>();

  key(id: number): number | undefined {
    return this.keys.get(id);
  }

  value(id: number): number | undefined {
    return this.values.get(id);
  }
}
