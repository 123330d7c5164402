import { PlatformError } from '../../common/errors.ts';
import type { ModelLookup } from '../model/object-models.ts';
import { type Lwm2mPath, pathLevel } from '../path.ts';
import { type ContentFormatName, contentFormatName } from './content-formats.ts';
import { type ContentRecord, type ContentRecords, namePrefix, type ReadingContext } from './content-records.ts';
import { readLwm2mCbor, writeLwm2mCbor } from './lwm2m-cbor.ts';
import type { Lwm2mNode, ResourceValue } from './node.ts';
import { NodeTree } from './node-tree.ts';
import { readOldJson, writeOldJson } from './old-json.ts';
import { recordsOfNode } from './record-writing.ts';
import { readSenmlCbor, writeSenmlCbor } from './senml-cbor.ts';
import { readSenmlJson, writeSenmlJson } from './senml-json.ts';
import { contentFault } from './value-site.ts';
import { typedValue } from './wire-value.ts';

export type RecordReader = (payload: Uint8Array, context: ReadingContext) => ContentRecords;

/** Formats that name each value by its path. */
export const RECORD_READERS = {
  SENML_JSON: readSenmlJson,
  SENML_ETCH_JSON: readSenmlJson,
  SENML_CBOR: readSenmlCbor,
  SENML_ETCH_CBOR: readSenmlCbor,
  JSON: readOldJson,
  LWM2M_CBOR: readLwm2mCbor,
} as const satisfies Partial<Record<ContentFormatName, RecordReader>>;

export type RecordFormatName = keyof typeof RECORD_READERS;
export const RECORD_FORMATS = Object.keys(RECORD_READERS) as readonly RecordFormatName[];

/** The record format of a CoAP Content-Format number; undefined when it is another one, or none. */
export function recordFormat(contentFormat: number | undefined): RecordFormatName | undefined {
  const name = contentFormat === undefined ? undefined : contentFormatName(contentFormat);
  return name !== undefined && Object.hasOwn(RECORD_READERS, name) ? (name as RecordFormatName) : undefined;
}

/** A record with a value of the type its model wants. */
export interface TypedRecord {
  readonly path: Lwm2mPath;
  readonly timestampMs: number | undefined;
  readonly value: ResourceValue | undefined; // undefined: an empty container
}

/** Gives the records their types; those that cannot have one become faults, as do those for which `accepts` says no. */
export function typedRecords(
  content: ContentRecords,
  models: ModelLookup,
  accepts: (path: Lwm2mPath) => boolean,
): TypedRecord[] {
  const typed: TypedRecord[] = [];
  for (const record of content.records) {
    const { path, timestampMs } = record;
    if (record.without === 'base') continue;
    const value = record.without === 'container' ? undefined : typedOrFault(record, models, accepts);
    if (typeof value === 'string') content.faults.addAt(path, value);
    else typed.push({ path, timestampMs, value });
  }
  return typed;
}

function typedOrFault(
  { path, value: wire }: ContentRecord,
  models: ModelLookup,
  accepts: (path: Lwm2mPath) => boolean,
): ResourceValue | string {
  if (!accepts(path)) return 'not below the path that was asked for';
  if (path.resourceId === undefined) return 'a name without a resource';
  if (wire === undefined) return 'no value';
  const model = models.resource(path.objectId!, path.resourceId);
  return typedValue(wire, model?.type, model?.unsigned);
}

/** Puts a record into a tree. A path that stands twice at one time is a fault. */
function addToTree(tree: NodeTree, { path, value }: TypedRecord, content: ContentRecords): void {
  const fault = value === undefined ? tree.addContainer(path) : tree.add(path, value);
  if (typeof fault === 'string') content.faults.addAt(path, fault);
}

export function isWithin(path: Lwm2mPath, outer: Lwm2mPath): boolean {
  return (
    (outer.objectId === undefined || outer.objectId === path.objectId) &&
    (outer.instanceId === undefined || outer.instanceId === path.instanceId) &&
    (outer.resourceId === undefined || outer.resourceId === path.resourceId) &&
    (outer.resourceInstanceId === undefined || outer.resourceInstanceId === path.resourceInstanceId)
  );
}

export type TimeGroup = readonly [number | undefined, readonly TypedRecord[]];

/** Records by time: those without one last, the others oldest first. */
export function byTime(records: readonly TypedRecord[]): TimeGroup[] {
  if (records.length === 1) return [[records[0]!.timestampMs, records]];
  const groups = new Map<number | undefined, TypedRecord[]>();
  for (const record of records) {
    const group = groups.get(record.timestampMs);
    if (group === undefined) groups.set(record.timestampMs, [record]);
    else group.push(record);
  }
  return [...groups].sort(([a], [b]) => orderOf(a) - orderOf(b));
}

function orderOf(timestampMs: number | undefined): number {
  return timestampMs ?? Number.MAX_VALUE;
}

/** A time after all that a payload may name: what is relative to now is then newer than what is absolute. */
const AFTER_ALL_MS = 2 ** 52;

/**
 * Reads the node at `path`: of each value the newest, values without a time before all others. The first fault is
 * thrown: nothing is left out unsaid. Throws LWM2M_CONTENT, LWM2M_CONTENT_FORMAT.
 */
export function decodeNewest(
  read: RecordReader,
  payload: Uint8Array,
  path: Lwm2mPath,
  models: ModelLookup,
  rootPath: string,
): Lwm2mNode {
  assertReadable(path);
  const content = read(payload, { nowMs: AFTER_ALL_MS, path, rootPath: namePrefix(rootPath) });
  const records = typedRecords(content, models, (of) => isWithin(of, path));
  const groups = byTime(records);
  const node = groups.length > 1 ? newestNode(groups, content, path, models) : onlyNode(records, content, path, models);
  const [fault] = content.faults.all();
  if (fault !== undefined) throw fault;
  return node ?? missing(path);
}

function newestNode(
  groups: readonly TimeGroup[],
  content: ContentRecords,
  path: Lwm2mPath,
  models: ModelLookup,
): Lwm2mNode | undefined {
  const newest = new NodeTree();
  for (const [, records] of groups.toReversed()) {
    const own = new NodeTree(); // tells what stands twice at one time from what is merely older
    for (const record of records) {
      addToTree(own, record, content);
      if (record.value === undefined) newest.addContainer(record.path);
      else newest.add(record.path, record.value); // refused where a newer one stands
    }
  }
  return newest.nodeAt(path, models);
}

/** The node at a path out of records of one time. */
export function onlyNode(
  records: readonly TypedRecord[],
  content: ContentRecords,
  path: Lwm2mPath,
  models: ModelLookup,
): Lwm2mNode | undefined {
  const [first] = records;
  const id = path.resourceInstanceId ?? path.resourceId;
  // Most notifications are one value at the very path that is observed.
  if (records.length === 1 && id !== undefined && first?.value !== undefined && isWithin(path, first.path)) {
    return { kind: 'resource', id, value: first.value };
  }
  const tree = new NodeTree();
  for (const record of records) addToTree(tree, record, content);
  return tree.nodeAt(path, models);
}

export function assertReadable(path: Lwm2mPath): void {
  if (pathLevel(path) !== 'root') return;
  throw new PlatformError('LWM2M_CONTENT_FORMAT', 'the root path is read as a composite');
}

export function missing(path: Lwm2mPath): never {
  throw contentFault({ path }, 'the payload holds no value');
}

/** Writes a node that `assertNodeAt` found to fit its path. Throws LWM2M_CONTENT. */
export function encodeRecords(name: RecordFormatName, node: Lwm2mNode, path: Lwm2mPath, rootPath: string): Buffer {
  const prefix = namePrefix(rootPath);
  if (name === 'LWM2M_CBOR') return writeLwm2mCbor([{ node, path }], prefix);
  const records = recordsOfNode(node, path, prefix, undefined);
  if (name === 'JSON') return writeOldJson(records, path);
  return name === 'SENML_JSON' || name === 'SENML_ETCH_JSON' ? writeSenmlJson(records) : writeSenmlCbor(records);
}
