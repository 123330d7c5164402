import type { Log } from '../../common/log.ts';
import { coreObjectModels } from '../../lwm2m/model/core-objects.ts';
import type { ModelState } from '../../schemas/generated/records.ts';
import type { Outbox } from '../bridge/outbox.ts';
import type { ServerCounters } from '../counters.ts';
import { ModelStore } from './model-store.ts';
import { loadModelsFolder } from './models-folder.ts';

export interface OpenModelsOptions {
  readonly modelsDir: string | undefined;
  /** What a former run uploaded. */
  readonly uploaded: readonly ModelState[];
  readonly outbox: Pick<Outbox, 'state' | 'commit'>;
  readonly counters: Pick<ServerCounters, 'model_version_mismatch'>;
  readonly log: Log;
}

/** The built-in models, over them those of the folder, over these the uploaded ones. Errors: CONFIG_INVALID for the folder. */
export async function openModels(o: OpenModelsOptions): Promise<ModelStore> {
  const models = coreObjectModels();
  models.onDoubtful = () => {
    o.counters.model_version_mismatch++;
  };
  if (o.modelsDir !== undefined) {
    const loaded = await loadModelsFolder(o.modelsDir, models, o.log);
    if (loaded === 0) o.log.warn({ folder: o.modelsDir }, 'no object definition in this folder');
  }
  const store = new ModelStore({ models, outbox: o.outbox, log: o.log });
  store.restore(o.uploaded);
  return store;
}
