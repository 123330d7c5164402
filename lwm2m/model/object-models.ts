import { PlatformError } from '../../common/errors.ts';
import type { ResourceType } from '../content/node.ts';
import { VersionedModels } from './versioned-models.ts';

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

/**
 * How the models that are held fit a version: `exact` that very version, `near` another of the same major version, `other` only
 * of other major versions, `unknown` none of that object.
 */
export type VersionFit = 'exact' | 'near' | 'other' | 'unknown';

/** Sets of versions whose view is kept for the next device that announces the same; the oldest goes first. */
const KEPT_VIEWS = 1_000;

/** LwM2M versions, of which there are three, that one set of object versions is remembered with. */
const KEPT_VERSIONS = 8;

/** Object definitions, looked up by id and version on every decoded value. May grow and shrink at run time. */
export class ObjectModels implements ModelLookup {
  /** By object id, newest version first. */
  readonly #versions = new Map<number, readonly ObjectModel[]>();
  /** By the versions, as an object that devices of one kind share, and then by LwM2M version. */
  readonly #views = new WeakMap<ReadonlyMap<number, string>, Map<string, ModelLookup>>();
  readonly #viewsByText = new Map<string, ModelLookup>();
  #changes = 0;

  /** Told of each resource that is looked up in a model which may not be what the device means by its version. */
  onDoubtful: (() => void) | undefined;

  /** Of two models with the same id and version the later one counts. Throws LWM2M_MODEL for a version that is not "major.minor". */
  constructor(models: Iterable<ObjectModel>) {
    for (const model of models) this.add(model);
  }

  /** How often models came or went: what was looked up before may be stale when it differs. */
  get changes(): number {
    return this.#changes;
  }

  /** Takes the place of a model with the same id and version. Throws LWM2M_MODEL for a version that is not "major.minor". */
  add(model: ObjectModel): void {
    versionNumber(model.version);
    const others = this.versionsOf(model.id).filter((other) => other.version !== model.version);
    const sorted = [...others, model].sort((a, b) => versionNumber(b.version) - versionNumber(a.version));
    this.#versions.set(model.id, sorted);
    this.#changes++;
  }

  /** False when no such model is held. */
  remove(id: number, version: string): boolean {
    const held = this.versionsOf(id);
    const left = held.filter((model) => model.version !== version);
    if (left.length === held.length) return false;
    if (left.length === 0) this.#versions.delete(id);
    else this.#versions.set(id, left);
    this.#changes++;
    return true;
  }

  /**
   * The newest model of an object, or the one of `version`. Where that very version is not held, another stands in, so that a value
   * never gets lost: the next newer of the same major version (a minor version only adds to an object), else the next older, else the
   * newest of all.
   */
  object(id: number, version?: string): ObjectModel | undefined {
    const held = this.#versions.get(id);
    if (version === undefined || held === undefined) return held?.[0];
    return held.find((model) => model.version === version) ?? nearest(held, version) ?? held[0];
  }

  resource(objectId: number, resourceId: number, version?: string): ResourceModel | undefined {
    return this.object(objectId, version)?.resources.get(resourceId);
  }

  versionFit(id: number, version: string): VersionFit {
    const model = this.object(id, version);
    if (model === undefined) return 'unknown';
    if (model.version === version) return 'exact';
    return majorOf(model.version) === majorOf(version) ? 'near' : 'other';
  }

  /** All versions of an object, newest first. */
  versionsOf(id: number): readonly ObjectModel[] {
    return this.#versions.get(id) ?? [];
  }

  /**
   * The models as a device with these object versions needs them. Without an LwM2M version objects that it gives no version count as
   * the newest; else as the version that they then have by the rules. Equal sets share one view, which follows later changes.
   */
  withVersions(versions: ReadonlyMap<number, string>, lwm2mVersion = ''): ModelLookup {
    if (versions.size === 0 && lwm2mVersion === '') return this;
    return this.#views.get(versions)?.get(lwm2mVersion) ?? this.#keepView(versions, lwm2mVersion);
  }

  #keepView(versions: ReadonlyMap<number, string>, lwm2mVersion: string): ModelLookup {
    const view = this.#viewOf(versions, lwm2mVersion);
    const kept = this.#views.get(versions) ?? new Map<string, ModelLookup>();
    if (kept.size < KEPT_VERSIONS) kept.set(lwm2mVersion, view);
    this.#views.set(versions, kept);
    return view;
  }

  #viewOf(versions: ReadonlyMap<number, string>, lwm2mVersion: string): ModelLookup {
    const sorted = [...versions].sort(([a], [b]) => a - b);
    const text = `${lwm2mVersion} ${sorted.join(' ')}`;
    const known = this.#viewsByText.get(text);
    if (known !== undefined) return known;
    const view = new VersionedModels(this, new Map(sorted), lwm2mVersion);
    this.#viewsByText.set(text, view);
    if (this.#viewsByText.size > KEPT_VIEWS) this.#viewsByText.delete(this.#viewsByText.keys().next().value!);
    return view;
  }

  /** All models, by object id and then newest version first. */
  all(): readonly ObjectModel[] {
    return [...this.#versions.keys()].sort((a, b) => a - b).flatMap((id) => this.versionsOf(id));
  }
}

/** Newest first goes in, so the last one above is the next newer, and the first one below the next older. */
function nearest(held: readonly ObjectModel[], version: string): ObjectModel | undefined {
  if (!VERSION.test(version)) return undefined;
  const asked = versionNumber(version);
  const related = held.filter((model) => majorOf(model.version) === majorOf(version));
  return related.findLast((model) => versionNumber(model.version) > asked) ?? related[0];
}

const VERSION = /^([0-9]{1,3})\.([0-9]{1,3})$/;

function majorOf(version: string): string {
  return version.slice(0, version.indexOf('.'));
}

function versionNumber(version: string): number {
  const parts = VERSION.exec(version);
  if (parts === null) throw new PlatformError('LWM2M_MODEL', `object version ${JSON.stringify(version)} is not "1.0"`);
  return Number(parts[1]) * 1000 + Number(parts[2]);
}
