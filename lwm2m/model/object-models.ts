import { PlatformError } from '../../common/errors.ts';
import type { ResourceType } from '../content/node.ts';

/** '' means that only a bootstrap server reaches the resource. */
export type ResourceOperations = 'R' | 'W' | 'RW' | 'E' | 'RE' | 'WE' | 'RWE' | '';

export interface ResourceModel {
  readonly id: number;
  readonly name: string;
  readonly operations: ResourceOperations;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  readonly type?: ResourceType; // absent: it holds no value (execute only)
  readonly unsigned?: boolean; // INTEGER without a sign: changes how its bytes are read
  readonly range: string;
  readonly units: string;
  readonly description: string;
}

export interface ObjectModel {
  readonly id: number;
  readonly name: string;
  readonly version: string; // "major.minor"
  readonly multiple: boolean;
  readonly mandatory: boolean;
  readonly description: string;
  readonly resources: ReadonlyMap<number, ResourceModel>;
}

/** What decoding asks of the models: those of one registration, or all. */
export interface ModelLookup {
  object(id: number): ObjectModel | undefined;
  resource(objectId: number, resourceId: number): ResourceModel | undefined;
}

/** A fixed set of object definitions, looked up by id and version on every decoded value. */
export class ObjectModels {
  /** By object id, newest version first. */
  readonly #versions = new Map<number, ObjectModel[]>();

  /** Of two models with the same id and version the later one counts. Throws LWM2M_MODEL for a version that is not "major.minor". */
  constructor(models: Iterable<ObjectModel>) {
    for (const model of models) {
      versionNumber(model.version);
      const others = (this.#versions.get(model.id) ?? []).filter((other) => other.version !== model.version);
      const sorted = [...others, model].sort((a, b) => versionNumber(b.version) - versionNumber(a.version));
      this.#versions.set(model.id, sorted);
    }
  }

  /**
   * The newest model of an object, or the one of `version`. Where that very version is not held, the newest of the same
   * major version stands in: a minor version only adds to an object.
   */
  object(id: number, version?: string): ObjectModel | undefined {
    const held = this.#versions.get(id);
    if (version === undefined || held === undefined) return held?.[0];
    const major = `${version.split('.', 1)[0]}.`;
    return held.find((model) => model.version === version) ?? held.find((model) => model.version.startsWith(major));
  }

  resource(objectId: number, resourceId: number, version?: string): ResourceModel | undefined {
    return this.object(objectId, version)?.resources.get(resourceId);
  }

  /** All models, by object id and then newest version first. */
  all(): readonly ObjectModel[] {
    return [...this.#versions.keys()].sort((a, b) => a - b).flatMap((id) => this.#versions.get(id)!);
  }
}

function versionNumber(version: string): number {
  const parts = /^([0-9]{1,3})\.([0-9]{1,3})$/.exec(version);
  if (parts === null) throw new PlatformError('LWM2M_MODEL', `object version ${JSON.stringify(version)} is not "1.0"`);
  return Number(parts[1]) * 1000 + Number(parts[2]);
}
