import type { AlarmRule, SilenceRule, ValueRule } from './alarm-rules.ts';

/** What is known of one resource, or of one endpoint as a whole, to judge its next value. */
export interface Watched {
  readonly ep: string;
  /** Empty for the endpoint as a whole. */
  readonly path: string;
  /** Rules that look at it. */
  readonly rules: readonly AlarmRule[];
  /** Names of those whose alarm stands. */
  readonly raised: Set<string>;
  /** Newest value and its time; NaN before the first. */
  value: number;
  timeMs: number;
  /** Timestamp of the latest record. */
  seenMs: number;
  /** The `seenMs` that the changelog has. */
  keptSeenMs: number;
  dirty: boolean;
}

/** An alarm that begins or ends. */
export interface Verdict {
  readonly rule: AlarmRule;
  readonly state: 'RAISED' | 'CLEARED';
  readonly timestamp: number;
  readonly value: number | null;
  readonly limit: number;
}

/**
 * What a rule says of a value, given the one before; undefined when nothing changes. Between the limit and `clearsAt` an alarm stays as
 * it is.
 */
export function judgeValue(rule: ValueRule, watched: Watched, value: number, timeMs: number): Verdict | undefined {
  const measured = rule.kind === 'rate' ? changePerSecond(watched, value, timeMs) : value;
  if (Number.isNaN(measured)) return undefined;
  const isRaised = watched.raised.has(rule.name);
  const limit = limitOf(rule);
  const rises = rule.kind === 'rate' || rule.above !== undefined;
  const clearsAt = rule.clearsAt ?? limit;
  if (!isRaised && (rises ? measured > limit : measured < limit))
    return { rule, state: 'RAISED', timestamp: timeMs, value: measured, limit };
  if (isRaised && (rises ? measured <= clearsAt : measured >= clearsAt))
    return { rule, state: 'CLEARED', timestamp: timeMs, value: measured, limit };
  return undefined;
}

/** @param clockMs the latest time of the task: a record's, or the machine's once nothing is left to read */
export function judgeSilence(rule: SilenceRule, watched: Watched, clockMs: number): Verdict | undefined {
  const since = watched.seenMs + rule.seconds * 1_000;
  if (watched.seenMs === Number.NEGATIVE_INFINITY || watched.raised.has(rule.name) || clockMs < since) return undefined;
  return { rule, state: 'RAISED', timestamp: since, value: null, limit: rule.seconds };
}

export function endOfSilence(rule: SilenceRule, watched: Watched, recordTimeMs: number): Verdict | undefined {
  if (!watched.raised.has(rule.name)) return undefined;
  return { rule, state: 'CLEARED', timestamp: recordTimeMs, value: null, limit: rule.seconds };
}

export function limitOf(rule: AlarmRule): number {
  if (rule.kind === 'rate') return rule.perSecond;
  return rule.kind === 'silence' ? rule.seconds : (rule.above ?? rule.below!);
}

function changePerSecond(watched: Watched, value: number, timeMs: number): number {
  const seconds = (timeMs - watched.timeMs) / 1_000;
  return seconds > 0 ? Math.abs(value - watched.value) / seconds : Number.NaN;
}

/** A sign of life is written to the changelog when it is this share of the silence newer than the one there. */
const KEPT_SHARE = 0.1;

export function keptWithinMs({ seconds }: SilenceRule): number {
  return KEPT_SHARE * seconds * 1_000;
}

/** What the changelog keeps: short, and by the names of the rules, so that another rules file can be read against it. */
export function encodeWatched({ value, timeMs, seenMs, raised }: Watched): Buffer {
  const known = Number.isNaN(value) ? {} : { v: value, t: timeMs };
  return Buffer.from(JSON.stringify({ ...known, s: seenMs, r: [...raised] }));
}

export function restoreWatched(watched: Watched, bytes: Buffer): void {
  const kept = JSON.parse(bytes.toString()) as { v?: number; t?: number; s: number; r: readonly string[] };
  watched.value = kept.v ?? Number.NaN;
  watched.timeMs = kept.t ?? Number.NEGATIVE_INFINITY;
  // The last sign of life may be newer than the one that was kept: rather late than raised for nothing.
  const silences = watched.rules.filter((rule) => rule.kind === 'silence').map(keptWithinMs);
  watched.seenMs = kept.s + (silences.length === 0 ? 0 : Math.min(...silences));
  watched.keptSeenMs = kept.s;
  watched.raised.clear();
  for (const name of kept.r) if (watched.rules.some((rule) => rule.name === name)) watched.raised.add(name);
}
