import type { ModelLookup, ObjectModel, ObjectModels, ResourceModel } from './object-models.ts';

/** What stands in for one object of a device. */
interface Chosen {
  readonly model: ObjectModel;
  /** Resources of the model and, behind them, those that other minor versions of it have. */
  readonly resources: ReadonlyMap<number, ResourceModel>;
}

/** Object models as a device with certain object versions needs them. Chosen once, and again after the models changed. */
export class VersionedModels implements ModelLookup {
  readonly #models: ObjectModels;
  readonly #versions: ReadonlyMap<number, string>;
  readonly #chosen = new Map<number, Chosen>();
  #changes = -1;

  constructor(models: ObjectModels, versions: ReadonlyMap<number, string>) {
    this.#models = models;
    this.#versions = versions;
  }

  object(id: number): ObjectModel | undefined {
    if (this.#changes !== this.#models.changes) this.#choose();
    return this.#chosen.get(id)?.model ?? this.#models.object(id);
  }

  /** Devices are known to use a resource of a later minor version than they announce: it is found all the same. */
  resource(objectId: number, resourceId: number): ResourceModel | undefined {
    if (this.#changes !== this.#models.changes) this.#choose();
    const chosen = this.#chosen.get(objectId);
    return chosen === undefined ? this.#models.resource(objectId, resourceId) : chosen.resources.get(resourceId);
  }

  #choose(): void {
    this.#chosen.clear();
    for (const [id, version] of this.#versions) {
      const model = this.#models.object(id, version);
      if (model !== undefined) this.#chosen.set(id, { model, resources: this.#resourcesOf(model) });
    }
    this.#changes = this.#models.changes;
  }

  #resourcesOf(model: ObjectModel): ReadonlyMap<number, ResourceModel> {
    const major = model.version.split('.', 1)[0];
    const related = this.#models.versionsOf(model.id).filter(({ version }) => version.split('.', 1)[0] === major);
    if (related.length === 1) return model.resources;
    // Oldest first, so that the newest definition of a resource counts, and the chosen version's above all.
    return new Map([...related.toReversed(), model].flatMap(({ resources }) => [...resources]));
  }
}
