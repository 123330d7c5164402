import type { OrientMap, OrientRow } from '../session.ts';

/** What a query is asked of: an OrientSession, or whatever runs a statement with parameters. */
export interface GraphReader {
  query(sql: string, params: OrientMap): Promise<readonly OrientRow[]>;
}

export interface QueryParameter {
  readonly about: string;
  readonly kind: 'text' | 'number';
  /** Where it is left out, it does not narrow the answer. */
  readonly isOptional?: true;
}

/**
 * One question to the graph. Values only ever reach OrientDB as parameters of the statement, never as part of its text. Each statement
 * ends with LIMIT :rows. Columns that end in `Ms` are times in ms since 1970, such in `Seconds` durations.
 */
export interface SavedQuery {
  readonly about: string;
  readonly parameters: Readonly<Record<string, QueryParameter>>;
  readonly columns: readonly string[];
  readonly sql: string;
  /** For an answer that has another shape than its rows are to have. */
  rowsOf?(answer: readonly OrientRow[]): readonly OrientRow[];
}

export type QueryValues = Readonly<Record<string, string | number | null>>;

export interface QueryAnswer {
  /** Each with the columns of the query and no others. */
  readonly rows: readonly OrientRow[];
  /** There are rows beyond the limit. */
  readonly hasMore: boolean;
}

/** Values by parameter from text, or what is wrong with it: all faults at once. */
export function valuesFrom(
  { parameters }: SavedQuery,
  given: ReadonlyMap<string, string>,
): { readonly values: QueryValues; readonly faults: readonly string[] } {
  const faults = [...given.keys()]
    .filter((name) => !Object.hasOwn(parameters, name))
    .map((name) => `there is no parameter ${JSON.stringify(name)}`);
  const values: Record<string, string | number | null> = {};
  for (const [name, { kind, isOptional }] of Object.entries(parameters)) {
    const text = given.get(name);
    if (text === undefined && isOptional !== true) faults.push(`${name}: required`);
    if (text !== undefined && kind === 'number' && !WHOLE_NUMBER.test(text))
      faults.push(`${name}: expected a whole number, not ${JSON.stringify(text)}`);
    values[name] = text === undefined ? null : kind === 'number' ? Number(text) : text;
  }
  return { values, faults };
}

/** 15 digits are exact in a JavaScript number. */
const WHOLE_NUMBER = /^\d{1,15}$/;

/** @param values from `valuesFrom`; every parameter is named, with null for one that is left out */
export async function runSavedQuery(
  reader: GraphReader,
  query: SavedQuery,
  values: QueryValues,
  limitRows: number,
): Promise<QueryAnswer> {
  const answer = await reader.query(query.sql, { ...values, rows: limitRows + 1 });
  const rows = (query.rowsOf?.(answer) ?? answer).map((row) => columnsOf(query, row));
  return { rows: rows.slice(0, limitRows), hasMore: rows.length > limitRows };
}

function columnsOf({ columns }: SavedQuery, row: OrientRow): OrientRow {
  return Object.fromEntries(columns.map((name) => [name, row[name] ?? null]));
}
