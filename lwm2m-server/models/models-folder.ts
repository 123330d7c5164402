import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { parseDdf } from '../../lwm2m/model/ddf.ts';
import { MAX_DDF_BYTES } from '../../lwm2m/model/ddf-xml.ts';
import type { ObjectModel, ObjectModels } from '../../lwm2m/model/object-models.ts';

/** Files read at most: the OMA registry with the history of all versions has 800. */
const MAX_FILES = 5_000;

/** Files named in the log, so that a folder of something else does not fill it. */
const MAX_NAMED = 20;

/** In a checkout of the OMA registry these are no object definitions. */
const NO_DEFINITIONS: ReadonlySet<string> = new Set(['Common.xml', 'DDF.xml', 'LWM2M_senml_units.xml']);

/**
 * Adds the definitions in a folder's XML files, subfolders included, to the models; returns how many there were. Of the same id and
 * version the file that comes last by name counts. A file that is no definition is named in a warning and passed over. Throws
 * CONFIG_INVALID when the folder cannot be read.
 */
export async function loadModelsFolder(folder: string, models: ObjectModels, log: Log): Promise<number> {
  const files = await xmlFiles(folder);
  let loaded = 0;
  let faults = 0;
  for (const file of files.slice(0, MAX_FILES)) {
    try {
      for (const model of await readDefinitions(join(folder, file))) {
        models.add(model);
        loaded++;
      }
    } catch (error) {
      if (++faults <= MAX_NAMED)
        log.warn({ file, reason: messageOf(error) }, 'no object definition; mend or remove it');
    }
  }
  const left = files.length - MAX_FILES;
  if (faults > MAX_NAMED) log.warn({ folder, files: faults }, 'so many files are no object definitions');
  if (left > 0) log.warn({ folder, files: left }, `files are left out: more than ${MAX_FILES} are not read`);
  return loaded;
}

async function xmlFiles(folder: string): Promise<string[]> {
  try {
    const found = await readdir(folder, { recursive: true });
    const names = found.filter((name) => /\.xml$/i.test(name) && !/(^|[/\\])\./.test(name));
    return names.filter((name) => !NO_DEFINITIONS.has(name)).sort();
  } catch (error) {
    throw new PlatformError('CONFIG_INVALID', `modelsDir ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

async function readDefinitions(path: string): Promise<readonly ObjectModel[]> {
  const file = await open(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new PlatformError('LWM2M_MODEL', 'it is not a file');
    // Reads one byte more than may be, whatever the size is said to be: the parser then refuses it.
    const buffer = Buffer.alloc(Math.min(stat.size, MAX_DDF_BYTES) + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return parseDdf(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
