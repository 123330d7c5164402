import type { Log } from '../common/log.ts';
import type { GraphObjectModel } from '../connectors/orientdb/model-vertices.ts';

/**
 * The object models of the graph, which has one vertex for an object: the built-in ones and, over them, those of the folder; of several
 * versions the newest. Errors: CONFIG_INVALID for the folder.
 */
export async function graphModels(modelsDir: string | undefined, log: Log): Promise<readonly GraphObjectModel[]> {
  const { coreObjectModels } = await import('../lwm2m/model/core-objects.ts');
  const models = coreObjectModels();
  if (modelsDir !== undefined) {
    const { loadModelsFolder } = await import('../lwm2m-server/models/models-folder.ts');
    const loaded = await loadModelsFolder(modelsDir, models, log);
    if (loaded === 0) log.warn({ folder: modelsDir }, 'no object definition in this folder');
  }
  return models
    .all()
    .filter((model, at, all) => model.id !== all[at - 1]?.id)
    .map((model) => ({ ...model, resources: [...model.resources.values()] }));
}
