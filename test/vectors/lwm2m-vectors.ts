import { readFileSync } from 'node:fs';
import { type Lwm2mNode, RESOURCE_TYPES, type ResourceType, type ResourceValue } from '../../lwm2m/content/node.ts';
import { CORE_OBJECTS } from '../../lwm2m/model/core-objects.ts';
import { defineObject } from '../../lwm2m/model/definition.ts';
import { ObjectModels } from '../../lwm2m/model/object-models.ts';
import { formatPath, type Lwm2mPath } from '../../lwm2m/path.ts';

/** The content of a vector file beside this one. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8'));
}

export interface TlvVector {
  readonly name: string;
  readonly source: string;
  readonly path: string;
  readonly hex: string;
  readonly node: unknown;
  readonly types?: Readonly<Record<string, Readonly<Record<string, ResourceType>>>>; // of objects without a definition
}

/** A node as JSON has it: the values of a multiple resource become a map. */
export function nodeOf(json: unknown): Lwm2mNode {
  const text = JSON.stringify(json);
  return JSON.parse(text, (key, value) =>
    key === 'values' ? new Map(Object.entries(value).map(([id, one]) => [Number(id), one])) : value,
  );
}

/** Gives each value of a multiple resource in a vector its type, which the file states once. */
export function vectorNode(vector: TlvVector): Lwm2mNode {
  const typed = JSON.parse(JSON.stringify(vector.node), (_key, value) => {
    if (value?.kind !== 'multipleResource') return value;
    const entries = Object.entries(value.values).map(([id, one]) => [id, { type: value.type, value: one }]);
    return { ...value, values: Object.fromEntries(entries) };
  });
  return nodeOf(typed);
}

/** The core objects and those that the vector brings with it. */
export function vectorModels({ types = {} }: TlvVector): ObjectModels {
  const own = Object.entries(types).map(([id, resources]) =>
    defineObject(
      { id: Number(id), name: id, version: '1.0', occurrence: 'MO', description: '' },
      Object.entries(resources).map(([rid, type]) => [Number(rid), rid, 'RW', 'SO', type, '', '', '']),
    ),
  );
  return new ObjectModels([...CORE_OBJECTS, ...own]);
}

export const TEST_OBJECT = 1000;

/** An object with one resource of each type, its id the place in RESOURCE_TYPES, and 100, an unsigned integer. */
export const TEST_MODELS = new ObjectModels([
  defineObject({ id: TEST_OBJECT, name: 'Test', version: '1.0', occurrence: 'MO', description: '' }, [
    ...RESOURCE_TYPES.map((type, id) => [id, type, 'RW', 'SO', type, '', '', ''] as const),
    [100, 'UNSIGNED', 'RW', 'SO', 'UNSIGNED', '', '', ''],
    [101, 'EXECUTE', 'E', 'SO', '', '', '', ''],
  ]),
]);

/** The resource of the test object that has this type. */
export function resourceIdOf(type: ResourceType | 'UNSIGNED'): number {
  return type === 'UNSIGNED' ? 100 : RESOURCE_TYPES.indexOf(type);
}

/** A payload of a format that names its values, and what it holds. */
export interface RecordVector {
  readonly name: string;
  readonly source: string;
  readonly format: number;
  readonly path: string; // what is asked for; "/" reads all, resource by resource
  readonly text?: string;
  readonly hex?: string;
  readonly values:
    | Readonly<Record<string, readonly [ResourceType, unknown]>>
    | [number, string, ResourceType, unknown][];
  readonly nowMs?: number;
  readonly rootPath?: string;
  readonly models?: false; // read without object models
  readonly written?: true; // our encoder makes the very same bytes
}

export function recordPayload({ text, hex }: Pick<RecordVector, 'text' | 'hex'>): Buffer {
  return text === undefined ? Buffer.from(hex!, 'hex') : Buffer.from(text);
}

/** The values of a node as rows of path, type and value; bytes as hex, bigints and links as text. */
export function flatNode(node: Lwm2mNode, path: Lwm2mPath): [string, ResourceType, unknown][] {
  const at = formatPath(path);
  switch (node.kind) {
    case 'object':
      return node.instances.flatMap((instance) => flatNode(instance, { objectId: node.id, instanceId: instance.id }));
    case 'instance':
      return node.resources.flatMap((one) => flatNode(one, { ...path, instanceId: node.id, resourceId: one.id }));
    case 'multipleResource':
      return [...node.values].map(([id, value]) => [`${at}/${id}`, value.type, plainValue(value)]);
    case 'resource':
      return [[at, node.value.type, plainValue(node.value)]];
  }
}

function plainValue({ type, value }: ResourceValue): unknown {
  if (type === 'OBJLNK') return `${value.objectId}:${value.instanceId}`;
  if (type === 'OPAQUE') return Buffer.from(value).toString('hex');
  return typeof value === 'bigint' ? String(value) : value;
}
