import type { Point } from './mapping.ts';

/** One read of consecutive registers or bits, and the points it answers. */
export interface ReadRange {
  readonly address: number;
  readonly count: number;
  readonly points: readonly Point[];
}

export interface MergeLimits {
  /** Registers or bits in one request. */
  readonly most: number;
  /** Unmapped ones that may be read along. 0: never across a hole, since some units answer wrongly there. */
  readonly maxGap: number;
}

/** Few reads for points of one table of one unit; each point lies wholly in one of them. */
export function mergeReads(points: readonly Point[], limits: MergeLimits): ReadRange[] {
  const sorted = [...points].sort((a, b) => a.address - b.address || a.span - b.span);
  const ranges: { address: number; count: number; points: Point[] }[] = [];
  for (const point of sorted) {
    const last = ranges.at(-1);
    const end = point.address + point.span;
    const count = last === undefined ? 0 : Math.max(last.count, end - last.address);
    if (last !== undefined && count <= limits.most && point.address <= last.address + last.count + limits.maxGap) {
      last.count = count;
      last.points.push(point);
    } else {
      ranges.push({ address: point.address, count: point.span, points: [point] });
    }
  }
  return ranges;
}
