import { type Field, type Fields, firstOf } from '../fields/field.ts';
import { type FieldPath, nameOf, type Position, type Statement, type TimestampUnit } from './statement.ts';
import { compileTarget } from './target.ts';

export interface NamedField {
  readonly name: string;
  readonly field: Field;
}

/** A statement for records of one schema. */
export interface Mapping {
  readonly statement: Statement;
  /** @param timestampMs time of the record, ms since 1970 */
  target(timestampMs: number): string;
  readonly fields: readonly NamedField[];
  readonly tags: readonly NamedField[];
  readonly constants: ReadonlyMap<string, string>;
  /** Undefined where the statement names no time: then the record's own in Kafka holds. */
  readonly timestamp: Field | undefined;
}

/**
 * Fields that the schema does not have are left out: an older writer does not know them. `faultsOf` tells of them beforehand.
 * Several fields of one name are one: the first that has a value.
 */
export function compileStatement(statement: Statement, fields: Fields): Mapping {
  const { timestamp } = statement;
  const constants = statement.tags.filter((tag) => tag.kind === 'constant');
  const tags = statement.tags.filter((tag) => tag.kind === 'field');
  return {
    statement,
    target: compileTarget(statement.target),
    fields: byName([...(statement.all ? everything(statement, fields) : []), ...found(statement.fields, fields)]),
    tags: byName(found(tags, fields)),
    constants: new Map(constants.map(({ name, value }) => [name, value])),
    timestamp: timestamp?.kind === 'field' ? fields.find(timestamp.path) : undefined,
  };
}

/** The fields of a statement that a schema does not have. */
export function faultsOf(statement: Statement, fields: Fields): readonly string[] {
  const named = [...statement.fields, ...statement.tags.filter((tag) => tag.kind === 'field')];
  const wanted: { readonly path: FieldPath; readonly at?: Position }[] = [...named];
  if (statement.timestamp?.kind === 'field') wanted.push(statement.timestamp);
  return wanted
    .filter(({ path }) => fields.find(path) === undefined)
    .map(({ path, at }) => {
      const place = at === undefined ? '' : `line ${at.line}, column ${at.column}: `;
      return `${place}expected a field of ${statement.topic} with one value, found ${JSON.stringify(path.join('.'))}`;
    });
}

function everything({ ignored }: Statement, fields: Fields): readonly NamedField[] {
  const without = new Set(ignored.map((path) => path.join('.')));
  return [...fields.all()]
    .filter(([name]) => !without.has(name) && ![...without].some((outer) => name.startsWith(`${outer}.`)))
    .map(([name, field]) => ({ name, field }));
}

function found(
  selected: readonly { readonly path: FieldPath; readonly alias?: string }[],
  fields: Fields,
): readonly NamedField[] {
  return selected.flatMap((one) => {
    const field = fields.find(one.path);
    return field === undefined ? [] : [{ name: nameOf(one), field }];
  });
}

function byName(fields: readonly NamedField[]): readonly NamedField[] {
  const groups = new Map<string, Field[]>();
  for (const { name, field } of fields) groups.set(name, [...(groups.get(name) ?? []), field]);
  return [...groups].map(([name, group]) => ({ name, field: group.length === 1 ? group[0]! : firstOf(group) }));
}

const NANOSECONDS: Readonly<Record<TimestampUnit, bigint>> = {
  SECONDS: 1_000_000_000n,
  MILLISECONDS: 1_000_000n,
  MICROSECONDS: 1_000n,
  NANOSECONDS: 1n,
};

export function nanosecondsIn(unit: TimestampUnit): bigint {
  return NANOSECONDS[unit];
}

/** A time in the unit as ns since 1970; text is ISO 8601. Undefined when it is no time. */
export function timeOf(value: unknown, unit: TimestampUnit): bigint | undefined {
  if (typeof value === 'bigint') return value * NANOSECONDS[unit];
  if (typeof value === 'string') {
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n;
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  if (Number.isInteger(value)) return BigInt(value) * NANOSECONDS[unit];
  // A float: whole nanoseconds of what it says.
  return BigInt(Math.trunc(value)) * NANOSECONDS[unit] + BigInt(Math.round((value % 1) * Number(NANOSECONDS[unit])));
}
