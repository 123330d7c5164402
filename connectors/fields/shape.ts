/** What a value of an Avro schema looks like in memory, with references resolved; unions hold `{branch: value}` (schemas/avro-types.ts). */
export type Shape =
  | { readonly kind: 'record'; readonly name: string; readonly fields: ReadonlyMap<string, Shape> }
  | { readonly kind: 'union'; readonly branches: ReadonlyMap<string, Shape>; readonly nullable: boolean }
  | { readonly kind: ScalarKind }
  | { readonly kind: 'other' };

/** Avro types with one value, by how a store takes them: int and long, float and double, string and enum, bytes and fixed. */
export type ScalarKind = 'integer' | 'float' | 'string' | 'boolean' | 'bytes';

const SCALARS: Readonly<Record<string, ScalarKind>> = {
  int: 'integer',
  long: 'integer',
  float: 'float',
  double: 'float',
  string: 'string',
  boolean: 'boolean',
  bytes: 'bytes',
  enum: 'string',
  fixed: 'bytes',
};

interface SchemaNode {
  readonly type: unknown;
  readonly name?: string;
  readonly namespace?: string;
  readonly items?: unknown;
  readonly values?: unknown;
  readonly fields?: readonly { readonly name: string; readonly type: unknown }[];
}

/** @param schema an Avro schema as JSON, complete in itself and already compiled once, so that it is known to be valid */
export function shapeOf(schema: unknown): Shape {
  return new ShapeReader().read(schema, '');
}

class ShapeReader {
  readonly #named = new Map<string, Shape>();

  read(schema: unknown, namespace: string): Shape {
    if (typeof schema === 'string') return this.#byName(schema, namespace);
    if (Array.isArray(schema)) return this.#union(schema, namespace);
    const node = schema as SchemaNode;
    if (node.type === 'record' || node.type === 'error') return this.#record(node, namespace);
    if (node.type === 'enum' || node.type === 'fixed') {
      const shape: Shape = { kind: SCALARS[node.type]! };
      this.#named.set(fullName(node, namespace), shape);
      return shape;
    }
    if (node.type === 'array' || node.type === 'map') {
      // Not for its own sake: a type that is defined in it may be used behind it.
      this.read(node.type === 'array' ? node.items : node.values, namespace);
      return { kind: 'other' };
    }
    return this.read(node.type, namespace);
  }

  #byName(name: string, namespace: string): Shape {
    const scalar = SCALARS[name];
    if (scalar !== undefined) return { kind: scalar };
    return this.#named.get(name) ?? this.#named.get(`${namespace}.${name}`) ?? { kind: 'other' };
  }

  /** Known before its fields are read, for they may lead back to it. */
  #record(node: SchemaNode, outer: string): Shape {
    const name = fullName(node, outer);
    const fields = new Map<string, Shape>();
    const shape: Shape = { kind: 'record', name, fields };
    this.#named.set(name, shape);
    const namespace = name.slice(0, Math.max(0, name.lastIndexOf('.')));
    for (const field of node.fields ?? []) fields.set(field.name, this.read(field.type, namespace));
    return shape;
  }

  #union(schemas: readonly unknown[], namespace: string): Shape {
    const branches = new Map<string, Shape>();
    let nullable = false;
    for (const schema of schemas) {
      if (schema === 'null' || (schema as SchemaNode | null)?.type === 'null') nullable = true;
      else {
        const shape = this.read(schema, namespace);
        branches.set(branchName(schema, shape, namespace), shape);
      }
    }
    return { kind: 'union', branches, nullable };
  }
}

function fullName({ name = '', namespace }: SchemaNode, outer: string): string {
  if (name.includes('.')) return name;
  const space = namespace ?? outer;
  return space === '' ? name : `${space}.${name}`;
}

/** As avsc names it: the full name of what has one, else the type. */
function branchName(schema: unknown, shape: Shape, namespace: string): string {
  if (shape.kind === 'record') return shape.name;
  if (typeof schema === 'string') {
    if (SCALARS[schema] !== undefined || schema.includes('.') || namespace === '') return schema;
    return `${namespace}.${schema}`;
  }
  const node = schema as SchemaNode;
  if (node.type === 'enum' || node.type === 'fixed') return fullName(node, namespace);
  return String(node.type);
}

/** The part of a full name behind its last dot. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
