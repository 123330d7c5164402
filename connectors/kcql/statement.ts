/** Where something stands in a KCQL text; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The way to a field, outermost name first. */
export type FieldPath = readonly string[];

/** Letters of a date in a target, in the order of their size; UTC. */
export const DATE_PARTS = ['yyyy', 'MM', 'dd', 'HH', 'mm'] as const;
export type DatePart = (typeof DATE_PARTS)[number];

/** A piece of a target's name: fixed text, or a date of the record's time (`${yyyyMM}`). */
export type TargetPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'date'; readonly parts: readonly (DatePart | { readonly text: string })[] };

export interface SelectedField {
  readonly path: FieldPath;
  readonly alias?: string;
  readonly at?: Position;
}

export type Tag =
  | { readonly kind: 'field'; readonly path: FieldPath; readonly alias?: string; readonly at?: Position }
  | { readonly kind: 'constant'; readonly name: string; readonly value: string };

export const TIMESTAMP_UNITS = ['SECONDS', 'MILLISECONDS', 'MICROSECONDS', 'NANOSECONDS'] as const;
export type TimestampUnit = (typeof TIMESTAMP_UNITS)[number];

export type TimestampSource =
  | { readonly kind: 'field'; readonly path: FieldPath; readonly at?: Position }
  /** The time that the record has in its topic: a replay gives the same. */
  | { readonly kind: 'sysTime' };

/** As the topic of a statement, in backticks: every topic that has no statement of its own. */
export const ANY_TOPIC = '*';

/**
 * One statement:
 *
 *   INSERT | UPSERT INTO <target> SELECT <* | field [AS name], …> FROM <topic> [IGNORE field, …]
 *     [WITHTIMESTAMP <field | sys_time()>] [TIMESTAMPUNIT = <unit>] [WITHTAG (field [AS name], name = constant, …)] [PK field, …]
 */
export interface Statement {
  readonly mode: 'INSERT' | 'UPSERT';
  readonly target: readonly TargetPart[];
  /** `*` */
  readonly all: boolean;
  readonly fields: readonly SelectedField[];
  readonly topic: string;
  /** Left out of `*`. */
  readonly ignored: readonly FieldPath[];
  readonly timestamp?: TimestampSource;
  readonly timestampUnit: TimestampUnit;
  readonly tags: readonly Tag[];
  /** Names of selected fields, by alias where they have one. */
  readonly primaryKey: readonly string[];
  readonly at?: Position;
}

/** The name that a selected field has in the store. */
export function nameOf({ path, alias }: { readonly path: FieldPath; readonly alias?: string }): string {
  return alias ?? path.at(-1)!;
}
