import { hasCode } from '../../common/errors.ts';
import { decodeContent } from '../../lwm2m/content/codec.ts';
import type { Lwm2mNode } from '../../lwm2m/content/node.ts';
import {
  decodeComposite,
  decodePrefixedSend,
  decodeTimedContent,
  type PrefixedContent,
  type TimedContent,
} from '../../lwm2m/content/timed-content.ts';
import type { ModelLookup } from '../../lwm2m/model/object-models.ts';
import { modelsWithoutDoubt } from '../../lwm2m/model/versioned-models.ts';
import type { Lwm2mPath } from '../../lwm2m/path.ts';

/*
 * Content of a device, read as the functions of lwm2m/content read it. Where that fails and the device has another version of the
 * object than any model here, the value is kept as it came: as bytes from TLV, as text from text, else with the type on the wire.
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
    return decodeContent(contentFormat, payload, path, modelsAfter(error, models), rootPath);
  }
}

export function decodeDeviceTimedContent(
  contentFormat: number | undefined,
  payload: Uint8Array,
  path: Lwm2mPath,
  models: ModelLookup,
  nowMs: number,
  rootPath: string,
): TimedContent {
  return inDoubt(models, (own) => decodeTimedContent(contentFormat, payload, path, own, nowMs, rootPath));
}

/** @param paths undefined: a Send */
export function decodeDeviceComposite(
  contentFormat: number | undefined,
  payload: Uint8Array,
  paths: readonly Lwm2mPath[] | undefined,
  models: ModelLookup,
  nowMs: number,
  rootPath: string,
): TimedContent {
  return inDoubt(models, (own) => decodeComposite(contentFormat, payload, paths, own, nowMs, rootPath));
}

/** A Send of a gateway. @param modelsOf those of the device with this prefix; of undefined the gateway's own */
export function decodeGatewaySend(
  contentFormat: number | undefined,
  payload: Uint8Array,
  nowMs: number,
  rootPath: string,
  modelsOf: (prefix: string | undefined) => ModelLookup | undefined,
): PrefixedContent[] {
  const decode = (of: typeof modelsOf) => decodePrefixedSend(contentFormat, payload, nowMs, { rootPath, modelsOf: of });
  const instead = (prefix: string | undefined) => {
    const own = modelsOf(prefix);
    return own && (modelsWithoutDoubt(own) ?? own);
  };
  let contents: PrefixedContent[];
  try {
    contents = decode(modelsOf);
  } catch (error) {
    if (hasCode(error, 'LWM2M_CONTENT')) return decode(instead);
    throw error;
  }
  const bad = new Set(contents.filter(({ faults }) => faults.length > 0).map(({ prefix }) => prefix));
  if ([...bad].every((prefix) => instead(prefix) === modelsOf(prefix))) return contents;
  return decode((prefix) => (bad.has(prefix) ? instead(prefix) : modelsOf(prefix)));
}

function inDoubt(models: ModelLookup, decode: (models: ModelLookup) => TimedContent): TimedContent {
  let content: TimedContent;
  try {
    content = decode(models);
  } catch (error) {
    return decode(modelsAfter(error, models));
  }
  const instead = content.faults.length === 0 ? undefined : modelsWithoutDoubt(models);
  return instead === undefined ? content : decode(instead);
}

/** The models to try next; throws the error where there are none. */
function modelsAfter(error: unknown, models: ModelLookup): ModelLookup {
  const instead = hasCode(error, 'LWM2M_CONTENT') ? modelsWithoutDoubt(models) : undefined;
  if (instead === undefined) throw error;
  return instead;
}
