import { PlatformError } from '../../common/errors.ts';
import type { ModelLookup } from '../model/object-models.ts';
import { formatPath, type Lwm2mPath, pathLevel, pathSegments } from '../path.ts';
import { decodeContent } from './codec.ts';
import { ContentFaults, type ContentRecord, type ContentRecords, namePrefix } from './content-records.ts';
import { writeLwm2mCbor, writeLwm2mCborPaths } from './lwm2m-cbor.ts';
import type { Lwm2mNode } from './node.ts';
import { assertNodeAt } from './node-fit.ts';
import {
  assertReadable,
  byTime,
  isWithin,
  missing,
  onlyNode,
  RECORD_READERS,
  type RecordFormatName,
  recordFormat,
  type TypedRecord,
  typedRecords,
} from './record-content.ts';
import { recordsOfNode, type WrittenRecord } from './record-writing.ts';
import { writeSenmlCbor } from './senml-cbor.ts';
import { writeSenmlJson } from './senml-json.ts';
import { contentFault } from './value-site.ts';

/** A node and the time that its sender gave it. */
export interface TimedNode {
  readonly path: Lwm2mPath;
  readonly timestampMs: number | undefined; // ms since 1970; undefined: no time given
  readonly node: Lwm2mNode;
}

/** One bad record does not drop the rest: it is a fault. */
export interface TimedContent {
  readonly values: readonly TimedNode[]; // oldest first, those without time last
  readonly faults: readonly PlatformError[];
}

/** True for formats whose values may carry a time: SenML and the old JSON. */
export function carriesTime(contentFormat: number): boolean {
  const name = recordFormat(contentFormat);
  return name !== undefined && name !== 'LWM2M_CBOR';
}

/**
 * Reads a Read answer or a notification at `path`: one node per timestamp. A format without time gives one value.
 * Throws as `decodeContent` does when nothing at all can be read.
 * @param rootPath as for `decodeContent`
 */
export function decodeTimedContent(
  contentFormat: number | undefined,
  payload: Uint8Array,
  path: Lwm2mPath,
  models: ModelLookup,
  nowMs: number,
  rootPath = '',
): TimedContent {
  const name = recordFormat(contentFormat);
  if (name === undefined) {
    const node = decodeContent(contentFormat, payload, path, models);
    return { values: [{ path, timestampMs: undefined, node }], faults: [] };
  }
  assertReadable(path);
  const content = RECORD_READERS[name](payload, { nowMs, path, rootPath: namePrefix(rootPath) });
  const records = typedRecords(content, models, (of) => isWithin(of, path));
  if (records.length === 0 && content.faults.isEmpty) return emptyContent(content, path, models);
  const values: TimedNode[] = [];
  for (const [timestampMs, group] of byTime(records)) {
    const node = onlyNode(group, content, path, models);
    if (node !== undefined) values.push({ path, timestampMs, node });
    else if (content.faults.isEmpty) content.faults.addAt(path, 'the payload holds no value');
  }
  return readable(values, content);
}

/** No records: an object, an instance or a multiple resource that is empty. */
function emptyContent(content: ContentRecords, path: Lwm2mPath, models: ModelLookup): TimedContent {
  const node = onlyNode([], content, path, models) ?? missing(path);
  return { values: [{ path, timestampMs: undefined, node }], faults: [] };
}

function readable(values: readonly TimedNode[], content: ContentRecords): TimedContent {
  const faults = content.faults.all();
  if (values.length === 0 && faults[0] !== undefined) throw faults[0];
  return { values, faults };
}

/**
 * Reads a composite answer, each value under the asked path that is nearest above it (objects for the root), or (paths
 * undefined) a Send: one node per resource and timestamp. An empty answer has no values. Throws LWM2M_CONTENT_FORMAT,
 * or LWM2M_CONTENT when nothing at all can be read.
 */
export function decodeComposite(
  contentFormat: number | undefined,
  payload: Uint8Array,
  paths: readonly Lwm2mPath[] | undefined,
  models: ModelLookup,
  nowMs: number,
  rootPath = '',
): TimedContent {
  const content = RECORD_READERS[compositeFormat(contentFormat)](payload, {
    nowMs,
    path: {},
    rootPath: namePrefix(rootPath),
  });
  return readable(composed(content, paths && new Set(paths.map(formatPath)), models), content);
}

/** What a Send of a gateway holds of one device: undefined is the gateway itself. */
export interface PrefixedContent extends TimedContent {
  readonly prefix: string | undefined;
}

/**
 * Reads a Send whose names may begin with the prefix of a device behind the sender, after its root path: the content of each device
 * apart. A name whose prefix nobody has is a fault of the sender's. Throws as `decodeComposite` does.
 */
export function decodePrefixedSend(
  contentFormat: number | undefined,
  payload: Uint8Array,
  nowMs: number,
  {
    rootPath,
    modelsOf,
  }: { readonly rootPath: string; readonly modelsOf: (prefix: string | undefined) => ModelLookup | undefined },
): PrefixedContent[] {
  const read = RECORD_READERS[compositeFormat(contentFormat)];
  const isPrefix = (segment: string) => modelsOf(segment) !== undefined;
  const { records, faults } = read(payload, { nowMs, path: {}, rootPath: namePrefix(rootPath), isPrefix });
  const byPrefix = new Map<string | undefined, ContentRecord[]>();
  for (const record of records) {
    const own = byPrefix.get(record.prefix);
    if (own === undefined) byPrefix.set(record.prefix, [record]);
    else own.push(record);
  }
  if (!faults.isEmpty && !byPrefix.has(undefined)) byPrefix.set(undefined, []);
  const contents = Array.from(byPrefix, ([prefix, own]) => {
    const content = { records: own, faults: prefix === undefined ? faults : new ContentFaults() };
    const values = composed(content, undefined, modelsOf(prefix)!);
    return { prefix, values, faults: content.faults.all() };
  });
  const [fault] = contents.flatMap((content) => content.faults);
  if (fault !== undefined && contents.every(({ values }) => values.length === 0)) throw fault;
  return contents;
}

/** Each value under the path that takes it in. */
function composed(
  content: ContentRecords,
  asked: ReadonlySet<string> | undefined,
  models: ModelLookup,
): readonly TimedNode[] {
  const records = typedRecords(content, models, (path) => targetOf(path, asked) !== undefined);
  const values: TimedNode[] = [];
  for (const [timestampMs, group] of byTime(records)) {
    for (const [path, own] of byTarget(group, asked)) {
      const node = onlyNode(own, content, path, models);
      if (node !== undefined) values.push({ path, timestampMs, node });
    }
  }
  return values;
}

function byTarget(group: readonly TypedRecord[], asked: ReadonlySet<string> | undefined) {
  const targets = new Map<string, [Lwm2mPath, TypedRecord[]]>();
  for (const record of group) {
    const path = targetOf(record.path, asked);
    if (path === undefined) continue; // an empty container above or beside what was asked
    const key = formatPath(path);
    const target = targets.get(key);
    if (target === undefined) targets.set(key, [path, [record]]);
    else target[1].push(record);
  }
  return targets.values();
}

/** The path of the node that takes a value in; undefined when nobody asked for it. */
function targetOf(path: Lwm2mPath, asked: ReadonlySet<string> | undefined): Lwm2mPath | undefined {
  const { objectId, instanceId, resourceId } = path;
  if (objectId === undefined) return undefined;
  if (asked === undefined) {
    return resourceId === undefined ? undefined : { objectId, instanceId: instanceId!, resourceId };
  }
  if (asked.size === 1 && asked.has('/')) return { objectId };
  for (let key = formatPath(path), from: Lwm2mPath = path; ; from = above(from), key = formatPath(from)) {
    if (asked.has(key)) return key === '/' ? { objectId } : from;
    if (key === '/') return undefined;
  }
}

function above({ objectId, instanceId, resourceId, resourceInstanceId }: Lwm2mPath): Lwm2mPath {
  if (resourceInstanceId !== undefined)
    return { objectId: objectId!, instanceId: instanceId!, resourceId: resourceId! };
  if (resourceId !== undefined) return { objectId: objectId!, instanceId: instanceId! };
  return instanceId !== undefined ? { objectId: objectId! } : {};
}

/**
 * The body of a Write-Composite or a Send. Values without a time come first, since a base time holds for all after it.
 * Throws LWM2M_CONTENT_FORMAT; LWM2M_CONTENT for a node that does not fit its path, or a time that cannot be carried.
 */
export function encodeComposite(contentFormat: number, values: readonly TimedNode[], rootPath = ''): Buffer {
  const name = compositeFormat(contentFormat);
  const prefix = namePrefix(rootPath);
  for (const { node, path } of values) assertNodeAt(node, path);
  if (name === 'LWM2M_CBOR') {
    for (const { timestampMs, path } of values) {
      if (timestampMs !== undefined) throw contentFault({ path }, 'LwM2M CBOR carries no time');
    }
    return writeLwm2mCbor(values, prefix);
  }
  const timed = values.filter(({ timestampMs }) => timestampMs !== undefined);
  const untimed = values.filter(({ timestampMs }) => timestampMs === undefined);
  const records = [...untimed, ...timed].flatMap((value) =>
    recordsOfNode(value.node, value.path, prefix, value.timestampMs),
  );
  return writeSenml(name, records);
}

/** The body of a Read-Composite or an Observe-Composite: paths without values. */
export function encodePaths(contentFormat: number, paths: readonly Lwm2mPath[], rootPath = ''): Buffer {
  const name = compositeFormat(contentFormat);
  const prefix = namePrefix(rootPath);
  if (name === 'LWM2M_CBOR') {
    return writeLwm2mCborPaths(
      paths.map((path) => pathSegments(path).map(Number)),
      prefix,
    );
  }
  const records = paths.map((path) => ({
    name: pathLevel(path) === 'root' && prefix !== '' ? prefix : prefix + formatPath(path),
    path,
  }));
  return writeSenml(name, records);
}

function writeSenml(name: RecordFormatName, records: readonly WrittenRecord[]): Buffer {
  return name === 'SENML_JSON' || name === 'SENML_ETCH_JSON' ? writeSenmlJson(records) : writeSenmlCbor(records);
}

/** Reads what `encodePaths` writes, in the order of the payload; values beside the paths are passed over. */
export function decodePaths(contentFormat: number | undefined, payload: Uint8Array, rootPath = ''): Lwm2mPath[] {
  const content = RECORD_READERS[compositeFormat(contentFormat)](payload, {
    nowMs: 0,
    path: {},
    rootPath: namePrefix(rootPath),
  });
  const [fault] = content.faults.all();
  if (fault !== undefined) throw fault;
  return content.records.map(({ path }) => path);
}

function compositeFormat(contentFormat: number | undefined): RecordFormatName {
  const name = recordFormat(contentFormat);
  if (name !== undefined && name !== 'JSON') return name;
  const details = { contentFormat };
  throw new PlatformError('LWM2M_CONTENT_FORMAT', `content format ${contentFormat} carries no composite`, { details });
}
