import type { FieldPath } from '../kcql/statement.ts';
import { type ScalarKind, type Shape, shortName } from './shape.ts';
import type { Place } from './slot-steps.ts';

export type Scalar = string | number | bigint | boolean | Uint8Array;

/** Where a value of a field stands in the record, and what becomes of it. */
export interface FieldPlace {
  readonly path: Place;
  readonly kind: ScalarKind;
  readonly convert?: (value: Scalar) => Scalar | undefined;
}

/** One value of a record. */
export interface Field {
  /** `mixed`: a union of several, whose value tells by its own branch. */
  readonly kind: ScalarKind | 'mixed';
  /** Undefined where the record has none. Of a mixed field `kindOf` says what it is. */
  get(record: unknown): Scalar | undefined;
  kindOf(record: unknown): ScalarKind | undefined;
  /** Where its value may stand, for who reads a record without decoding it: the first place that holds one counts. */
  readonly places: readonly FieldPlace[];
}

/** The fields that a record offers, by name. */
export interface Fields {
  /** Undefined where there is no such field or it holds no single value. */
  find(path: FieldPath): Field | undefined;
  /** All fields with one value each, for `*`; names of nested ones with dots. */
  all(): ReadonlyMap<string, Field>;
}

/** The way into a decoded record, and its names. */
interface Step {
  readonly path: Place;
  get(record: unknown): unknown;
}

const START: Step = { path: [], get: (record) => record };

/** Deepest nesting and most fields that `*` and a flatten transform follow; a schema that refers to itself has no end. */
const DEPTH_LIMIT = 16;
const FIELDS_LIMIT = 5_000;

/**
 * Fields of an Avro record. A path names fields, and may name the branch of a union by its full or its last name; left out, the
 * field is looked for in the branch that the value has.
 */
export function fieldsOf(shape: Shape): Fields {
  return {
    find: (path) => find(shape, path, START),
    all: () => flattened(shape, () => false),
  };
}

function find(shape: Shape, path: FieldPath, step: Step): Field | undefined {
  if (shape.kind === 'union') return findInUnion(shape, path, step);
  if (path.length === 0) return scalarField(shape, step);
  if (shape.kind !== 'record') return undefined;
  const [name, ...rest] = path;
  const next = shape.fields.get(name!);
  return next && find(next, rest, into(step, name!));
}

function findInUnion(shape: Shape & { kind: 'union' }, path: FieldPath, step: Step): Field | undefined {
  if (path.length === 0) return unionField(shape, step);
  for (const [branch, inner] of shape.branches) {
    const used = segmentsOf(branch, path);
    // A nullable type is no choice: its branch is not part of the path, but may be named.
    if (used > 0) return find(inner, path.slice(used), into(step, branch));
  }
  const found = [...shape.branches]
    .map(([branch, inner]) => find(inner, path, into(step, branch)))
    .filter((field) => field !== undefined);
  return found.length > 1 ? firstOf(found) : found[0];
}

/** How many names of the path the branch takes: its full name has dots of its own. */
function segmentsOf(branch: string, path: FieldPath): number {
  if (path[0] === branch || path[0] === shortName(branch)) return 1;
  const parts = branch.split('.');
  return parts.length > 1 && parts.every((part, index) => path[index] === part) ? parts.length : 0;
}

function into(step: Step, name: string): Step {
  return {
    path: [...step.path, name],
    get(record) {
      const outer = step.get(record);
      return outer === null || outer === undefined ? undefined : (outer as Record<string, unknown>)[name];
    },
  };
}

function scalarField(shape: Shape, step: Step): Field | undefined {
  if (shape.kind === 'record' || shape.kind === 'union' || shape.kind === 'other') return undefined;
  const { kind } = shape;
  return {
    kind,
    get: (record) => (step.get(record) ?? undefined) as Scalar | undefined,
    kindOf: () => kind,
    places: [{ path: step.path, kind }],
  };
}

function unionField(shape: Shape & { kind: 'union' }, step: Step): Field | undefined {
  const scalars = [...shape.branches].filter(([, inner]) => scalarField(inner, step) !== undefined);
  if (scalars.length === 0) return undefined;
  if (scalars.length === 1) return scalarField(scalars[0]![1], into(step, scalars[0]![0]));
  const kinds = new Map(scalars.map(([branch, inner]) => [branch, inner.kind as ScalarKind]));
  const branchOf = (record: unknown): string | undefined => {
    const wrapped = step.get(record);
    return wrapped === null || wrapped === undefined ? undefined : Object.keys(wrapped)[0];
  };
  return {
    kind: 'mixed',
    get(record) {
      const branch = branchOf(record);
      if (branch === undefined || !kinds.has(branch)) return undefined;
      return (step.get(record) as Record<string, Scalar>)[branch];
    },
    kindOf(record) {
      const branch = branchOf(record);
      return branch === undefined ? undefined : kinds.get(branch);
    },
    places: [...kinds].map(([branch, kind]) => ({ path: [...step.path, branch], kind })),
  };
}

/** The first of several that has a value. */
export function firstOf(fields: readonly Field[]): Field {
  const kinds = new Set(fields.map(({ kind }) => kind));
  const holder = (record: unknown) => fields.find((field) => field.get(record) !== undefined);
  return {
    kind: kinds.size === 1 ? fields[0]!.kind : 'mixed',
    get(record) {
      for (const field of fields) {
        const value = field.get(record);
        if (value !== undefined) return value;
      }
      return undefined;
    },
    kindOf: (record) => holder(record)?.kindOf(record),
    places: fields.flatMap(({ places }) => places),
  };
}

/** Every field with one value, by its path with dots; branches of a choice are named by their last name. */
export function flattened(shape: Shape, isLeftOut: (recordName: string) => boolean): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  const walk = (inner: Shape, path: string, step: Step, depth: number): void => {
    if (depth > DEPTH_LIMIT || fields.size >= FIELDS_LIMIT) return;
    if (inner.kind === 'record') {
      if (isLeftOut(shortName(inner.name))) return;
      for (const [name, next] of inner.fields) walk(next, join(path, name), into(step, name), depth + 1);
    } else if (inner.kind === 'union') {
      const isChoice = inner.branches.size > 1;
      for (const [branch, next] of inner.branches)
        walk(next, isChoice ? join(path, shortName(branch)) : path, into(step, branch), depth + 1);
    } else {
      const field = scalarField(inner, step);
      if (field !== undefined) fields.set(path, field);
    }
  };
  walk(shape, '', START, 0);
  return fields;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
