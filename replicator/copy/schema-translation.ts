import type { SchemaIds, UnknownSchemaId } from '../../common/kafka/batch/schema-ids.ts';

/** Ids of the target's registry for those of the source's. */
export interface SchemaTranslation {
  /** What is known of a topic; it grows with `learn`. */
  idsFor(topic: string): SchemaIds;
  /**
   * Finds the id out, registering the schema at the target where it is not there. Resolves when `idsFor` knows it.
   * Errors: REGISTRY_UNAVAILABLE (again later), REGISTRY_REFUSED (the target does not take the schema: the partition must wait).
   */
  learn(topic: string, unknown: UnknownSchemaId): Promise<void>;
}
