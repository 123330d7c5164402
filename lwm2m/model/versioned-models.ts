import { defaultObjectVersion } from './default-versions.ts';
import type { ModelLookup, ObjectModel, ObjectModels, ResourceModel } from './object-models.ts';

/** What stands in for one object of a device. */
interface Chosen {
  readonly model: ObjectModel;
  /** Resources of the model and, behind them, those that other minor versions of it have. */
  readonly resources: ReadonlyMap<number, ResourceModel>;
  /** The model is older than the device's object, or of another major version: it may tell another type than the device means. */
  readonly doubtful: boolean;
}

/** Object models as a device with certain object versions needs them. Each is chosen once, and again after the models changed. */
export class VersionedModels implements ModelLookup {
  readonly #models: ObjectModels;
  readonly #versions: ReadonlyMap<number, string>;
  readonly #lwm2mVersion: string;
  readonly #chosen = new Map<number, Chosen>();
  /** The same without the models in doubt. */
  readonly certain: ModelLookup = {
    object: (id) => (this.#of(id)?.doubtful === false ? this.object(id) : undefined),
    resource: (id, resourceId) => (this.#of(id)?.doubtful === false ? this.resource(id, resourceId) : undefined),
  };
  #changes = -1;

  /** @param lwm2mVersion says of which version objects without one are; '' lets them be the newest */
  constructor(models: ObjectModels, versions: ReadonlyMap<number, string>, lwm2mVersion: string) {
    this.#models = models;
    this.#versions = versions;
    this.#lwm2mVersion = lwm2mVersion;
  }

  object(id: number): ObjectModel | undefined {
    return this.#of(id)?.model;
  }

  /** Devices are known to use a resource of a later minor version than they announce: it is found all the same. */
  resource(objectId: number, resourceId: number): ResourceModel | undefined {
    const chosen = this.#of(objectId);
    if (chosen === undefined) return undefined;
    if (chosen.doubtful) this.#models.onDoubtful?.();
    return chosen.resources.get(resourceId);
  }

  /** True when one of the models chosen so far may not be what the device means by its object. */
  get hasDoubts(): boolean {
    for (const { doubtful } of this.#chosen.values()) if (doubtful) return true;
    return false;
  }

  #of(id: number): Chosen | undefined {
    if (this.#changes !== this.#models.changes) {
      this.#chosen.clear();
      this.#changes = this.#models.changes;
    }
    return this.#chosen.get(id) ?? this.#choose(id);
  }

  /** Only objects that have a model are kept: they bound the map. */
  #choose(id: number): Chosen | undefined {
    const model = this.#models.object(id, this.#versionOf(id));
    if (model === undefined) return undefined;
    const [major, minor] = partsOf(this.#versionOf(id) ?? model.version);
    const [ownMajor, ownMinor] = partsOf(model.version);
    const doubtful = ownMajor !== major || ownMinor! < minor!;
    const chosen = { model, resources: this.#resourcesOf(model, ownMajor!), doubtful };
    this.#chosen.set(id, chosen);
    return chosen;
  }

  #versionOf(id: number): string | undefined {
    const announced = this.#versions.get(id);
    if (announced !== undefined || this.#lwm2mVersion === '') return announced;
    return defaultObjectVersion(this.#lwm2mVersion, id);
  }

  #resourcesOf(model: ObjectModel, major: number): ReadonlyMap<number, ResourceModel> {
    const related = this.#models.versionsOf(model.id).filter(({ version }) => partsOf(version)[0] === major);
    if (related.length === 1) return model.resources;
    // Oldest first, so that the newest definition of a resource counts, and the chosen version's above all.
    return new Map([...related.toReversed(), model].flatMap(({ resources }) => [...resources]));
  }
}

function partsOf(version: string): readonly number[] {
  return version.split('.').map(Number);
}

/**
 * For content that the models of a device cannot read: the same without those in doubt, so that a value of another version is read
 * by what it says of itself instead of getting lost. Undefined when none that was asked for is in doubt: the content is at fault.
 */
export function modelsWithoutDoubt(models: ModelLookup): ModelLookup | undefined {
  return models instanceof VersionedModels && models.hasDoubts ? models.certain : undefined;
}
