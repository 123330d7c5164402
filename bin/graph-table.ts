import type { QueryAnswer } from '../connectors/orientdb/queries/saved-query.ts';
import { printable } from './printable.ts';

/** Columns of even width under their names; numbers to the right, times as RFC 3339. */
export function rowsAsText(columns: readonly string[], { rows, hasMore }: QueryAnswer): string {
  if (rows.length === 0) return 'no rows\n';
  const isRight = columns.map((name) => !name.endsWith('Ms') && rows.some((row) => typeof row[name] === 'number'));
  const table = [columns.map(titleOf), ...rows.map((row) => columns.map((name) => cellOf(name, row[name])))];
  const widths = columns.map((_, at) => Math.max(...table.map((cells) => cells[at]!.length)));
  const lines = table.map((cells) =>
    cells
      .map((cell, at) => (isRight[at] === true ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd(),
  );
  if (hasMore) lines.push(`… more than ${rows.length} rows: see --limit`);
  return `${lines.join('\n')}\n`;
}

function titleOf(column: string): string {
  return column.replace(/Ms$/, '');
}

function cellOf(column: string, value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return printable(value.join(' '));
  if (typeof value === 'number') return column.endsWith('Ms') ? timeOf(value) : String(value);
  return printable(String(value));
}

/** What is no time of a calendar is shown as the number it is. */
function timeOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
