import { AssertionError } from 'node:assert';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One record of a dump (Dump.java). */
export interface DumpedRecord {
  readonly offset: number;
  /** ms since 1970, 64 bits. */
  readonly timestamp: string;
  /** Of key, value and headers. */
  readonly hash: string;
}

/** By partition, in order. */
export type Dump = ReadonlyMap<number, readonly DumpedRecord[]>;

/** Source offsets that were reported as never copied: from, and up to but without `to`. */
export interface Gap {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export interface SameRecordsOptions {
  /** Everything that readers of committed records could ever find at the source. */
  readonly source: Dump;
  readonly target: Dump;
  readonly gaps?: readonly Gap[];
  /** `allowed`: at least once, so a record may come again behind a later one. */
  readonly repeats?: 'none' | 'allowed';
}

export interface SameRecords {
  readonly records: number;
  readonly missing: number;
  readonly repeated: number;
}

/** Reads a dump file whole: meant for up to about a million records. */
export async function readDump(file: string): Promise<Dump> {
  const dump = new Map<number, DumpedRecord[]>();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { p, o, t, h } = JSON.parse(line) as { p: number; o: number; t: string; h: string };
    let records = dump.get(p);
    if (records === undefined) {
      records = [];
      dump.set(p, records);
    }
    records.push({ offset: o, timestamp: t, hash: h });
  }
  return dump;
}

export function recordsIn(dump: Dump): number {
  return [...dump.values()].reduce((sum, records) => sum + records.length, 0);
}

/**
 * What a source held over time: the records of several dumps, the oldest first. A later dump knows better than an earlier one from its own
 * first offset on, or from `from` on, where a log was truncated and its offsets were given again.
 */
export function history(...dumps: readonly Dump[]): Dump {
  const joined = new Map<number, DumpedRecord[]>();
  for (const dump of dumps) {
    for (const [partition, records] of dump) {
      const from = records[0]?.offset ?? Number.POSITIVE_INFINITY;
      const before = (joined.get(partition) ?? []).filter(({ offset }) => offset < from);
      joined.set(partition, [...before, ...records]);
    }
  }
  return joined;
}

/** One source after another, whose offsets have nothing to do with each other: what follows is expected behind what was. */
export function inTurn(...dumps: readonly Dump[]): Dump {
  const joined = new Map<number, DumpedRecord[]>();
  for (const dump of dumps) {
    for (const [partition, records] of dump) {
      joined.set(partition, [...(joined.get(partition) ?? []), ...records]);
    }
  }
  return joined;
}

/** The records whose offsets pass. */
export function only(dump: Dump, passes: (offset: number, partition: number) => boolean): Dump {
  return new Map(
    [...dump].map(
      ([partition, records]) => [partition, records.filter((one) => passes(one.offset, partition))] as const,
    ),
  );
}

/**
 * Per partition: the target holds the records of the source in their order, none missing but those of the gaps, all of those missing, and
 * none twice. AssertionError with the first difference.
 */
export function assertSameRecords(o: SameRecordsOptions): SameRecords {
  let total: SameRecords = { records: 0, missing: 0, repeated: 0 };
  for (const partition of [...new Set([...o.source.keys(), ...o.target.keys()])].sort((a, b) => a - b)) {
    const found = comparePartition(partition, o);
    total = {
      records: total.records + found.records,
      missing: total.missing + found.missing,
      repeated: total.repeated + found.repeated,
    };
  }
  return total;
}

function comparePartition(partition: number, o: SameRecordsOptions): SameRecords {
  const source = o.source.get(partition) ?? [];
  const target = o.target.get(partition) ?? [];
  const gaps = (o.gaps ?? []).filter((gap) => gap.partition === partition);
  const expected = source.filter(({ offset }) => !gaps.some(({ from, to }) => offset >= from && offset < to));
  const repeats = o.repeats === 'allowed' ? new Set<string>() : undefined;
  let repeated = 0;
  let next = 0;
  for (const [position, record] of target.entries()) {
    if (isSame(record, expected[next])) {
      repeats?.add(identity(record));
      next++;
    } else if (repeats?.has(identity(record))) repeated++;
    else fail({ partition, source, expected, target, gaps, next, position });
  }
  if (next < expected.length) fail({ partition, source, expected, target, gaps, next, position: target.length });
  return { records: expected.length, missing: source.length - expected.length, repeated };
}

function isSame(a: DumpedRecord | undefined, b: DumpedRecord | undefined): boolean {
  return a !== undefined && b !== undefined && a.hash === b.hash && a.timestamp === b.timestamp;
}

function identity({ hash, timestamp }: DumpedRecord): string {
  return `${hash} ${timestamp}`;
}

interface Difference {
  readonly partition: number;
  readonly source: readonly DumpedRecord[];
  readonly expected: readonly DumpedRecord[];
  readonly target: readonly DumpedRecord[];
  readonly gaps: readonly Gap[];
  /** Index of the first expected record that did not come. */
  readonly next: number;
  /** Index in the target where it was expected. */
  readonly position: number;
}

const CONTEXT_RECORDS = 2;

function fail(at: Difference): never {
  const { partition, source, expected, target, gaps, next, position } = at;
  const lines = [
    `partition ${partition}: ${whatHappened(at)}`,
    `source ${source.length} records${span(source)}, gaps ${gaps.map(({ from, to }) => `[${from}, ${to})`).join(' ') || 'none'}, target ${target.length} records${span(target)}`,
    `equal are the first ${next}; then`,
    `  expected ${around(expected, next)}`,
    `  found    ${around(target, position)}`,
  ];
  throw new AssertionError({ message: lines.join('\n') });
}

/** A guess in words at what the first difference is. */
function whatHappened({ source, expected, target, next, position }: Difference): string {
  const found = target[position];
  const wanted = expected[next];
  if (found === undefined)
    return `missing: the target ends, ${expected.length - next} records of the source did not come`;
  const missingUntil = expected.findIndex((record, i) => i > next && isSame(record, found));
  const sourceRecord = source.find((record) => isSame(record, found));
  if (missingUntil > 0) {
    const last = expected[missingUntil - 1]!;
    const later = target.slice(position).some((record) => isSame(record, wanted));
    return later
      ? `out of order: source offset ${expected[missingUntil]!.offset} before ${wanted!.offset}`
      : `missing: source offsets ${wanted!.offset} to ${last.offset} (${missingUntil - next} records)`;
  }
  if (sourceRecord !== undefined && expected.slice(0, next).some((record) => isSame(record, found)))
    return `doubled: source offset ${sourceRecord.offset} came again`;
  if (sourceRecord !== undefined) return `reported as a gap and yet there: source offset ${sourceRecord.offset}`;
  if (wanted !== undefined && wanted.hash === found.hash)
    return `another timestamp: source offset ${wanted.offset} has ${wanted.timestamp}, the copy ${found.timestamp}`;
  return 'a record that is not in the source, or one with another key, value or header';
}

function span(records: readonly DumpedRecord[]): string {
  return records.length === 0 ? '' : ` (offsets ${records[0]!.offset} to ${records.at(-1)!.offset})`;
}

function around(records: readonly DumpedRecord[], index: number): string {
  const some = records.slice(Math.max(0, index - CONTEXT_RECORDS), index + CONTEXT_RECORDS + 1);
  const words = some.map((record) => {
    const text = `${record.offset}@${record.timestamp}#${record.hash.slice(0, 8)}`;
    return record === records[index] ? `>${text}<` : text;
  });
  return index >= records.length ? `${words.join(' ')} >the end<` : words.join(' ');
}
