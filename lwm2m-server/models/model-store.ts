import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { CORE_OBJECTS } from '../../lwm2m/model/core-objects.ts';
import { parseDdf } from '../../lwm2m/model/ddf.ts';
import { formatDdf } from '../../lwm2m/model/ddf-writing.ts';
import type { ObjectModel, ObjectModels } from '../../lwm2m/model/object-models.ts';
import type { ModelState } from '../../schemas/generated/records.ts';
import { MAX_RECORD_BYTES, type Outbox } from '../bridge/outbox.ts';
import { modelEntry, modelTombstone } from './model-entries.ts';

/** Uploaded models at once, and the XML they came in: all of it is read at each start. */
const MAX_MODELS = 1_000;
const MAX_BYTES = 16 * 2 ** 20;

/** Uploads and removals that wait for Kafka; further ones are refused. */
const MAX_PENDING = 16;

/** Room that the record needs beside the XML. */
const RECORD_EXTRA_BYTES = 1_000;

/** Where a model came from; of the same id and version an uploaded one counts, then one of the folder. */
export type ModelSource = 'builtIn' | 'folder' | 'uploaded';

export interface ListedModel {
  readonly model: ObjectModel;
  readonly source: ModelSource;
}

export interface ModelStoreOptions {
  /** The models in use; those that are in it at first are the built-in ones and the folder's. */
  readonly models: ObjectModels;
  readonly outbox: Pick<Outbox, 'state' | 'commit'>;
  readonly log: Log;
}

interface Uploaded {
  readonly model: ObjectModel;
  readonly bytes: number;
}

/** Object models that come and go at run time. A change is in force, for the next value that is decoded, once Kafka has it. */
export class ModelStore {
  readonly #models: ObjectModels;
  readonly #outbox: Pick<Outbox, 'state' | 'commit'>;
  readonly #log: Log;
  readonly #given = new Map<string, ObjectModel>();
  readonly #uploaded = new Map<string, Uploaded>();
  #pending = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ models, outbox, log }: ModelStoreOptions) {
    this.#models = models;
    this.#outbox = outbox;
    this.#log = log;
    for (const model of models.all()) this.#given.set(keyOf(model.id, model.version), model);
  }

  get models(): ObjectModels {
    return this.#models;
  }

  /** All models by id, newest version first. */
  list(): ListedModel[] {
    return this.#models.all().map((model) => ({ model, source: this.#sourceOf(model) }));
  }

  #sourceOf(model: ObjectModel): ModelSource {
    if (this.#uploaded.has(keyOf(model.id, model.version))) return 'uploaded';
    return BUILT_IN.has(model) ? 'builtIn' : 'folder';
  }

  /**
   * Takes an XML definition in and returns what it defines. Errors: LWM2M_MODEL when it is not valid or there is no room,
   * KAFKA_BACKLOG_FULL when too many changes wait, and those of a commit; then nothing has changed.
   */
  async upload(file: string | Uint8Array): Promise<readonly ObjectModel[]> {
    const models = parseDdf(file);
    const text = typeof file === 'string' ? file : new TextDecoder().decode(file);
    const uploads = models.map((model) => uploadOf(model, models.length === 1 ? text : formatDdf(model)));
    return await this.#inTurn(async () => {
      this.#assertRoom(uploads);
      const states = uploads.map(({ model: { id, version }, xml }) => ({ objectId: id, version, xml }));
      await this.#outbox.commit(...states.map((state) => modelEntry(this.#outbox, state)));
      for (const { model, bytes } of uploads) this.#take(model, bytes);
      return models;
    });
  }

  /** Ends an upload; the model that it stood before comes back. False when that version was not uploaded. Errors: as `upload`. */
  async remove(id: number, version: string): Promise<boolean> {
    return await this.#inTurn(async () => {
      const key = keyOf(id, version);
      if (!this.#uploaded.has(key)) return false;
      await this.#outbox.commit(modelTombstone(this.#outbox, id, version));
      this.#uploaded.delete(key);
      const given = this.#given.get(key);
      if (given === undefined) this.#models.remove(id, version);
      else this.#models.add(given);
      return true;
    });
  }

  /** Takes up what a former run stored. A definition that this version refuses is left out with a warning; it stays stored. */
  restore(states: readonly ModelState[]): void {
    for (const { objectId, version, xml } of states) {
      try {
        const model = parseDdf(xml).find((one) => one.id === objectId && one.version === version);
        if (model === undefined) throw modelFault('the stored XML does not define it');
        this.#take(model, Buffer.byteLength(xml));
      } catch (error) {
        const found = { objectId, version, reason: messageOf(error) };
        this.#log.warn(found, 'an uploaded object definition is left out; upload it anew');
      }
    }
  }

  #take(model: ObjectModel, bytes: number): void {
    this.#uploaded.set(keyOf(model.id, model.version), { model, bytes });
    this.#models.add(model);
  }

  #assertRoom(uploads: readonly Uploaded[]): void {
    const all = new Map(this.#uploaded);
    for (const upload of uploads) all.set(keyOf(upload.model.id, upload.model.version), upload);
    if (all.size > MAX_MODELS) throw modelFault(`${MAX_MODELS} models may be uploaded, not more: remove some first`);
    let total = 0;
    for (const { bytes } of all.values()) total += bytes;
    if (total > MAX_BYTES)
      throw modelFault(`the uploads would have ${total} bytes, more than ${MAX_BYTES}: remove some`);
  }

  /** One change after the other: memory and topic agree on which came last. */
  async #inTurn<T>(change: () => Promise<T>): Promise<T> {
    if (this.#pending >= MAX_PENDING) throw new PlatformError('KAFKA_BACKLOG_FULL', 'too many changes of models wait');
    this.#pending++;
    const turn = this.#last.then(change);
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#pending--;
    }
  }
}

const BUILT_IN: ReadonlySet<ObjectModel> = new Set(CORE_OBJECTS);

function uploadOf(model: ObjectModel, xml: string): Uploaded & { readonly xml: string } {
  const bytes = Buffer.byteLength(xml);
  if (bytes > MAX_RECORD_BYTES - RECORD_EXTRA_BYTES) {
    throw modelFault(`${bytes} bytes are more than an upload may have: shorten it, or use the folder of models`);
  }
  return { model, bytes, xml };
}

function keyOf(id: number, version: string): string {
  return `${id}/${version}`;
}

function modelFault(what: string): PlatformError {
  return new PlatformError('LWM2M_MODEL', what);
}
