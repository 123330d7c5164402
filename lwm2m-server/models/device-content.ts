import { hasCode } from '../../common/errors.ts';
import { decodeContent } from '../../lwm2m/content/codec.ts';
import type { Lwm2mNode } from '../../lwm2m/content/node.ts';
import type { ModelLookup } from '../../lwm2m/model/object-models.ts';
import { modelsForDoubt } from '../../lwm2m/model/versioned-models.ts';
import type { Lwm2mPath } from '../../lwm2m/path.ts';

/**
 * What a device sent, as `decodeContent` reads it. Where that fails and the device has another version of the object than any model
 * here, the value is kept as it came: as bytes, or as text.
 */
export function decodeDeviceContent(
  contentFormat: number | undefined,
  payload: Uint8Array,
  path: Lwm2mPath,
  models: ModelLookup,
  rootPath: string,
): Lwm2mNode {
  try {
    return decodeContent(contentFormat, payload, path, models, rootPath);
  } catch (error) {
    const instead = hasCode(error, 'LWM2M_CONTENT') ? modelsForDoubt(models, path.objectId) : undefined;
    if (instead === undefined) throw error;
    return decodeContent(contentFormat, payload, path, instead, rootPath);
  }
}
