import { PlatformError } from '../../common/errors.ts';
import type { ModelLookup } from '../model/object-models.ts';
import { formatPath, type Lwm2mPath } from '../path.ts';
import { CborReader } from './cbor-reader.ts';
import { readCborValue, writeCborValue } from './cbor-values.ts';
import { CborWriter } from './cbor-writer.ts';
import type { Lwm2mNode, SingleResource } from './node.ts';
import { contentFault } from './value-site.ts';
import { typedValue } from './wire-value.ts';

/** Reads one CBOR item as the value of a resource or a resource instance. Throws LWM2M_CONTENT, LWM2M_CONTENT_FORMAT. */
export function decodeCborContent(payload: Uint8Array, path: Lwm2mPath, models: ModelLookup): SingleResource {
  const id = path.resourceInstanceId ?? path.resourceId;
  if (id === undefined) throw noSingleValue(path);
  const reader = new CborReader(payload);
  const wire = readCborValue(reader);
  reader.end();
  if (typeof wire !== 'object') throw contentFault({ path }, `the value is ${wire ?? 'null'}`);
  const model = models.resource(path.objectId!, path.resourceId!);
  const value = typedValue(wire, model?.type, model?.unsigned);
  if (typeof value === 'string') throw contentFault({ path }, value);
  return { kind: 'resource', id, value };
}

export function encodeCborContent(node: Lwm2mNode, path: Lwm2mPath): Buffer {
  if (node.kind !== 'resource') throw noSingleValue(path);
  const writer = new CborWriter();
  writeCborValue(writer, node.value, path, true);
  return writer.finish();
}

function noSingleValue(path: Lwm2mPath): PlatformError {
  return new PlatformError('LWM2M_CONTENT_FORMAT', `${formatPath(path)}: this format carries a single value`);
}
