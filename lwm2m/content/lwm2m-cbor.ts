import { isId, type Lwm2mPath } from '../path.ts';
import { CBOR, CborReader } from './cbor-reader.ts';
import { readCborItem, writeCborValue } from './cbor-values.ts';
import { CborWriter } from './cbor-writer.ts';
import { MAX_CONTENT_RECORDS } from './content-limits.ts';
import {
  ContentFaults,
  type ContentRecord,
  type ContentRecords,
  packFault,
  type ReadingContext,
} from './content-records.ts';
import type { Lwm2mNode, Resource, ResourceValue } from './node.ts';

/*
 * LwM2M CBOR is one map of maps: {3: {0: {9: 100, 7: {0: 3800}}}}. A key is an id, or an array of ids that stands for
 * as many levels: {[3, 0]: {9: 100}}. A path without a value has null.
 */
const LEVELS = 4;

export function readLwm2mCbor(payload: Uint8Array, context: ReadingContext): ContentRecords {
  return new MapReading(payload, context).read();
}

class MapReading implements ContentRecords {
  readonly records: ContentRecord[] = [];
  readonly faults = new ContentFaults();
  readonly #reader: CborReader;
  readonly #rootSegment: string;
  readonly #isPrefix: ((segment: string) => boolean) | undefined;
  #taken = 0;

  constructor(payload: Uint8Array, { rootPath, isPrefix }: ReadingContext) {
    this.#reader = new CborReader(payload);
    this.#rootSegment = rootPath.slice(1);
    this.#isPrefix = isPrefix;
  }

  read(): this {
    const reader = this.#reader;
    if (reader.bytes.length === 0) return this;
    reader.head();
    if (reader.major === CBOR.array) this.#readPaths();
    else if (reader.major === CBOR.map) this.#readMap([], undefined);
    else throw packFault('LwM2M CBOR is a map');
    reader.end();
    return this;
  }

  /** An array of paths, each an array of ids. */
  #readPaths(): void {
    const reader = this.#reader;
    const count = reader.count();
    for (let done = 0; reader.more(count, done); done++) {
      const key = this.#readKey([], undefined);
      this.#count();
      if (typeof key === 'string') this.#refuse(key);
      else this.records.push({ path: pathOf(key.ids), timestampMs: undefined, value: undefined });
    }
  }

  /** The map at hand. Its depth is bounded by the ids: each level adds one, the root path stands once. */
  #readMap(ids: readonly number[], root: string | undefined): void {
    const reader = this.#reader;
    const count = reader.count();
    let done = 0;
    for (; reader.more(count, done); done++) {
      const key = this.#readKey(ids, root);
      if (typeof key !== 'string') {
        this.#readUnder(key.ids, key.root);
        continue;
      }
      this.#count();
      this.#refuse(key);
      reader.skipNext(1 + ids.length);
    }
    if (done > 0 || ids.length === 0) return;
    this.#count();
    const own = this.#prefixIn(root);
    this.records.push({ path: pathOf(ids), timestampMs: undefined, value: undefined, without: 'container', ...own });
  }

  #readUnder(ids: readonly number[], root: string | undefined): void {
    const reader = this.#reader;
    reader.head();
    if (reader.major === CBOR.map) return this.#readMap(ids, root);
    const value = readCborItem(reader, ids.length + 1);
    this.#count();
    if (typeof value === 'string') this.#refuse(`the value is ${value}`);
    else this.records.push({ path: pathOf(ids), timestampMs: undefined, value, ...this.#prefixIn(root) });
  }

  /** Text before the ids that is not the root path is the prefix of a device behind a gateway. */
  #prefixIn(root: string | undefined): { readonly prefix?: string } {
    return root === undefined || root === this.#rootSegment ? {} : { prefix: root };
  }

  #count(): void {
    if (++this.#taken > MAX_CONTENT_RECORDS) throw packFault(`more than ${MAX_CONTENT_RECORDS} values`);
  }

  #refuse(what: string): void {
    this.faults.addRecord(this.#taken, what);
  }

  /** The ids of the map and of its next key; the key is passed over when it is none. */
  #readKey(ids: readonly number[], root: string | undefined): { ids: number[]; root: string | undefined } | string {
    const reader = this.#reader;
    const key = { ids: [...ids], root };
    reader.head();
    if (reader.major !== CBOR.array) return this.#readKeyPart(key, ids.length + 1) ?? key;
    const count = reader.count();
    let fault: string | undefined;
    let done = 0;
    for (; reader.more(count, done); done++) {
      reader.head();
      const what = this.#readKeyPart(key, ids.length + 2);
      fault ??= what;
    }
    return fault ?? (done === 0 && ids.length > 0 ? 'an empty array as key' : key);
  }

  /** The root path stands once, and a prefix after it or alone. */
  #mayStandBefore(root: string | undefined, text: string): boolean {
    if (root === undefined && text === this.#rootSegment) return true;
    return (root === undefined || root === this.#rootSegment) && this.#isPrefix?.(text) === true;
  }

  #readKeyPart(key: { ids: number[]; root: string | undefined }, depth: number): string | undefined {
    const part = readCborItem(this.#reader, depth);
    if (typeof part !== 'object') return 'a key that is no id';
    if (part.kind === 'text' && key.ids.length === 0 && this.#mayStandBefore(key.root, part.value)) {
      key.root = part.value;
      return undefined;
    }
    if (part.kind !== 'integer' || typeof part.value !== 'number' || !isId(part.value)) return 'a key that is no id';
    if (key.ids.length >= LEVELS) return 'more than four ids';
    key.ids.push(part.value);
    return undefined;
  }
}

const NAMES = ['objectId', 'instanceId', 'resourceId', 'resourceInstanceId'] as const;

function pathOf(ids: readonly number[]): Lwm2mPath {
  const path: { -readonly [K in keyof Lwm2mPath]: number } = {};
  for (const [level, id] of ids.entries()) path[NAMES[level]!] = id;
  return path;
}

/** Maps to be written: leaves are values, null for a path alone. */
type Branch = Map<number, Branch | Leaf>;
interface Leaf {
  readonly value: ResourceValue;
  readonly path: Lwm2mPath;
}

/** Writes nodes into one map of maps. Throws LWM2M_CONTENT for a value that its type cannot hold. */
export function writeLwm2mCbor(nodes: readonly { node: Lwm2mNode; path: Lwm2mPath }[], rootPath: string): Buffer {
  const root: Branch = new Map();
  for (const { node, path } of nodes) addNode(root, node, path);
  const writer = new CborWriter();
  if (rootPath !== '') writer.head(CBOR.map, 1).text(rootPath.slice(1));
  writeBranch(writer, root);
  return writer.finish();
}

function branchAt(parent: Branch, id: number): Branch {
  const held = parent.get(id);
  if (held instanceof Map) return held;
  const made: Branch = new Map();
  parent.set(id, made);
  return made;
}

function addNode(root: Branch, node: Lwm2mNode, path: Lwm2mPath): void {
  const object = branchAt(root, path.objectId!);
  switch (node.kind) {
    case 'object':
      for (const { id, resources } of node.instances)
        addResources(branchAt(object, id), resources, { ...path, instanceId: id });
      return;
    case 'instance':
      addResources(branchAt(object, node.id), node.resources, { objectId: path.objectId!, instanceId: node.id });
      return;
    default: {
      const instance = branchAt(object, path.instanceId!);
      if (path.resourceInstanceId === undefined) addResources(instance, [node], path);
      else if (node.kind === 'resource') branchAt(instance, path.resourceId!).set(node.id, { value: node.value, path });
    }
  }
}

function addResources(instance: Branch, resources: readonly Resource[], at: Lwm2mPath): void {
  for (const resource of resources) {
    const path = { ...at, resourceId: resource.id };
    if (resource.kind === 'resource') {
      instance.set(resource.id, { value: resource.value, path });
      continue;
    }
    const values = branchAt(instance, resource.id);
    for (const [id, value] of resource.values) values.set(id, { value, path: { ...path, resourceInstanceId: id } });
  }
}

function writeBranch(writer: CborWriter, branch: Branch): void {
  writer.head(CBOR.map, branch.size);
  for (const [id, child] of branch) {
    writer.integer(id);
    if (child instanceof Map) writeBranch(writer, child);
    else writeCborValue(writer, child.value, child.path, false);
  }
}

/** Writes paths as keys with null. */
export function writeLwm2mCborPaths(paths: readonly (readonly number[])[], rootPath: string): Buffer {
  const writer = new CborWriter().head(CBOR.map, paths.length);
  for (const ids of paths) {
    writer.head(CBOR.array, ids.length + (rootPath === '' ? 0 : 1));
    if (rootPath !== '') writer.text(rootPath.slice(1));
    for (const id of ids) writer.integer(id);
    writer.null();
  }
  return writer.finish();
}
