import { type Field, type Fields, fieldsOf, flattened, type Scalar } from './field.ts';
import { type ScalarKind, type Shape, shapeOf } from './shape.ts';

/** A single message transform of Kafka Connect. Applied once per schema, to the names of its fields, not to each record. */
export type Transform =
  | { readonly kind: 'flatten'; readonly delimiter: string; readonly blacklist: ReadonlySet<string> }
  | {
      readonly kind: 'replace';
      readonly include: ReadonlySet<string> | undefined;
      readonly exclude: ReadonlySet<string>;
      readonly renames: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'cast'; readonly spec: ReadonlyMap<string, CastTarget> };

/** Types that Cast knows, by what they become. */
export const CAST_TARGETS = {
  int8: 'integer',
  int16: 'integer',
  int32: 'integer',
  int64: 'integer',
  float32: 'float',
  float64: 'float',
  boolean: 'boolean',
  string: 'string',
} as const satisfies Record<string, ScalarKind>;
export type CastTarget = keyof typeof CAST_TARGETS;

/** The fields of a schema as statements see them. @param schema Avro, as JSON */
export function fieldsFor(schema: unknown, transforms: readonly Transform[]): Fields {
  const shape = shapeOf(schema);
  return transforms.length === 0 ? fieldsOf(shape) : transformedFields(shape, transforms);
}

/** The fields of a schema behind the transforms, in their order. At least one transform. */
export function transformedFields(shape: Shape, transforms: readonly Transform[]): Fields {
  const flatten = transforms.find((one) => one.kind === 'flatten');
  const left = flatten?.blacklist ?? new Set<string>();
  // Without a flatten the others still see the top level only, as in Kafka Connect.
  let fields = new Map(
    [...flattened(shape, (record) => left.has(record))].filter(
      ([name]) => flatten !== undefined || !name.includes('.'),
    ),
  );
  for (const transform of transforms) fields = apply(transform, fields);
  return {
    find: (path) => fields.get(path.join('.')),
    all: () => fields,
  };
}

function apply(transform: Transform, fields: ReadonlyMap<string, Field>): Map<string, Field> {
  const made = new Map<string, Field>();
  for (const [name, field] of fields) {
    if (transform.kind === 'flatten') made.set(name.split('.').join(transform.delimiter), field);
    else if (transform.kind === 'cast') {
      const target = transform.spec.get(name);
      made.set(name, target === undefined ? field : cast(field, target));
    } else if (isKept(transform, name)) made.set(transform.renames.get(name) ?? name, field);
  }
  return made;
}

function isKept({ include, exclude }: Transform & { kind: 'replace' }, name: string): boolean {
  return !exclude.has(name) && (include === undefined || include.has(name));
}

function cast(field: Field, target: CastTarget): Field {
  const kind = CAST_TARGETS[target];
  return {
    kind,
    get: (record) => castValue(field.get(record), kind),
    kindOf: () => kind,
    // Transforms see single values only, so that there is one place.
    places: field.places.map(({ path, convert = (value) => value }) => ({
      path,
      kind,
      convert: (value) => castValue(convert(value), kind),
    })),
  };
}

/** What has no such value is left out. */
function castValue(value: Scalar | undefined, kind: ScalarKind): Scalar | undefined {
  if (value === undefined || value instanceof Uint8Array) return undefined;
  if (kind === 'string') return String(value);
  if (kind === 'boolean') return typeof value === 'string' ? value.toLowerCase() === 'true' : Boolean(value);
  if (kind === 'integer' && typeof value === 'bigint') return value;
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isNaN(number) && typeof value === 'string') return undefined;
  return kind === 'integer' ? (Number.isFinite(number) ? Math.trunc(number) : undefined) : number;
}
