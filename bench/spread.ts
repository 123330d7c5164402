import { median } from './processes.ts';

/** Least / **median** / most, or one number where all are the same; empty without values. */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return '';
  const texts = [Math.min(...values), median(values), Math.max(...values)].map(rounded);
  return new Set(texts).size === 1 ? texts[0]! : `${texts[0]} / **${texts[1]}** / ${texts[2]}`;
}

/** Three significant digits, five from 1,000 on. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(Math.abs(value) >= 1_000 ? 5 : 3)));
}
