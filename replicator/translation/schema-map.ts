import { createHash } from 'node:crypto';
import { messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { Side } from '../lanes.ts';
import { KnownIds } from './known-ids.ts';
import { readMapFile, type StoredMap, type Witness, writeMapFile } from './map-file.ts';
import type { RegisteredSchema, Registry } from './registry.ts';

export type Direction = 'up' | 'down';

export interface SchemaMapOptions {
  readonly registries: Readonly<Record<Side, Registry>>;
  /** Undefined: what is known is asked for anew after a restart. */
  readonly file: string | undefined;
  readonly log: Log;
}

/** The schema ids of a gateway, both ways, in memory and on disk. The disk is for a restart without a registry. */
export class SchemaMap {
  readonly known: Readonly<Record<Direction, KnownIds>> = { up: new KnownIds(), down: new KnownIds() };
  readonly #o: SchemaMapOptions;
  #witnesses: Partial<Record<Side, Witness>> = {};
  /** Registries of which nobody has looked yet whether they are those of the file. */
  readonly #unproven = new Set<Side>();
  #isDirty = false;
  #isSaving = false;
  #saving: Promise<void> = Promise.resolve();
  #hasWarned = false;

  /** Errors: CONFIG_INVALID when the file is something else. */
  constructor(options: SchemaMapOptions) {
    this.#o = options;
    const stored = options.file === undefined ? undefined : readMapFile(options.file);
    if (stored !== undefined) this.#load(stored);
  }

  #load(stored: StoredMap): void {
    const { registries, file, log } = this.#o;
    if (stored.edge.url !== registries.edge.url || stored.cloud.url !== registries.cloud.url) {
      log.warn(
        { file, edge: stored.edge.url, cloud: stored.cloud.url },
        'the schema map is of other registries: unused',
      );
      return;
    }
    for (const direction of ['up', 'down'] as const)
      for (const entry of stored[direction]) this.known[direction].set(entry);
    this.#witnesses = { edge: stored.edge.witness, cloud: stored.cloud.witness };
    this.#unproven.add('edge').add('cloud');
  }

  /** Whether what came from the file holds is looked up once, and forgotten where not. Errors: REGISTRY_UNAVAILABLE, REGISTRY_REFUSED. */
  async prove(signal: AbortSignal): Promise<void> {
    for (const side of ['edge', 'cloud'] as const) {
      if (!this.#unproven.has(side)) continue;
      const registry = this.#o.registries[side];
      const { id, sha256 } = this.#witnesses[side]!;
      const schema = await registry.schemaById(id, signal);
      if (!this.#unproven.delete(side) || (schema !== undefined && hashOf(schema) === sha256)) continue;
      this.#o.log.warn({ registry: registry.url, id }, 'the schema map is of a registry that is no more: forgotten');
      this.#unproven.clear();
      this.#witnesses = {};
      for (const known of Object.values(this.known)) known.clear();
    }
  }

  /** To be called when something was learnt, with what proves the registries later. */
  keep(witnesses: Readonly<Record<Side, Witness>>): void {
    this.#witnesses = witnesses;
    if (this.#o.file === undefined) return;
    this.#isDirty = true;
    if (!this.#isSaving) this.#saving = this.#save(this.#o.file);
  }

  /** Resolves when the file holds what is known, or could not be written. */
  async saved(): Promise<void> {
    await this.#saving;
  }

  async #save(file: string): Promise<void> {
    this.#isSaving = true;
    while (this.#isDirty) {
      this.#isDirty = false;
      try {
        await writeMapFile(file, this.#asStored());
        this.#hasWarned = false;
      } catch (error) {
        if (!this.#hasWarned)
          this.#o.log.warn(
            { file, reason: messageOf(error) },
            'the schema map cannot be written: a restart will ask anew',
          );
        this.#hasWarned = true;
      }
    }
    this.#isSaving = false;
  }

  #asStored(): StoredMap {
    const side = (name: Side) => ({ url: this.#o.registries[name].url, witness: this.#witnesses[name]! });
    const { up, down } = this.known;
    return {
      zeelosSchemaMap: 1,
      ...{ edge: side('edge'), cloud: side('cloud') },
      ...{ up: up.entries().map((entry) => [...entry]), down: down.entries().map((entry) => [...entry]) },
    };
  }
}

export function hashOf({ schema, schemaType = 'AVRO', references }: RegisteredSchema): string {
  return createHash('sha256')
    .update(JSON.stringify([schemaType, schema, references]))
    .digest('hex');
}
