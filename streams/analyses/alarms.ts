import type { FrameEncoder } from '../../schemas/codec.ts';
import type { AvroAlarm, AvroAlarmKind, AvroKey } from '../../schemas/generated/records.ts';
import { CONTENT, type ObservationView } from '../observation-view.ts';
import { ByteKeyTable } from '../state/byte-key-table.ts';
import {
  type Emitter,
  FUTURE_LIMIT_MS,
  isLongNamed,
  noSkips,
  type StreamTask,
  type TaskClock,
} from '../stream-task.ts';
import { type AlarmRule, matcher, type SilenceRule, type ValueRule } from './alarm-rules.ts';
import {
  encodeWatched,
  endOfSilence,
  judgeSilence,
  judgeValue,
  keptWithinMs,
  restoreWatched,
  type Verdict,
  type Watched,
} from './alarm-state.ts';

export interface AlarmsOptions {
  readonly gatewayId: string;
  readonly rules: readonly AlarmRule[];
  readonly keys: FrameEncoder<AvroKey>;
  readonly values: FrameEncoder<AvroAlarm>;
  /** Resources and endpoints that are remembered, those that no rule looks at among them. */
  readonly entriesLimit: number;
}

/** What was not heard of for so long is forgotten, without a word, when room is needed. The longest silence that a rule can ask for. */
export const FORGET_MS = 7 * 86_400_000;
/** Silence is looked for once in so much time of the task. */
const SWEEP_MS = 1_000;
/** Making room goes through all entries: when it brought little it is not tried again before so much time of the task. */
const ROOM_PAUSE_MS = 60_000;
const LITTLE_ROOM = 0.1;

/** Alarms by rules. Values are judged by their own time; silence by the timestamps of records, so that old values end no silence early. */
export class Alarms implements StreamTask {
  readonly skips = noSkips();
  readonly #o: AlarmsOptions;
  readonly #rules: readonly { rule: AlarmRule; ep: RegExp; path: RegExp | undefined }[];
  readonly #watchesEndpoints: boolean;
  readonly #watchesSilence: boolean;
  readonly form = '';
  #table = new ByteKeyTable();
  #entries: (Watched | undefined)[] = [];
  #dirty: { key: Buffer; watched: Watched | null }[] = [];
  #pending: { watched: Watched; verdict: Verdict }[] = [];
  #clockMs = Number.NEGATIVE_INFINITY;
  #sweptMs = Number.NEGATIVE_INFINITY;
  #roomFromMs = Number.NEGATIVE_INFINITY;

  constructor(o: AlarmsOptions) {
    this.#o = o;
    this.#rules = o.rules.map((rule) => ({
      rule,
      ep: matcher(rule.endpoint, '.*'),
      path: rule.path === undefined ? undefined : matcher(rule.path, '[^/]+'),
    }));
    this.#watchesEndpoints = o.rules.some((rule) => rule.path === undefined);
    this.#watchesSilence = o.rules.some((rule) => rule.kind === 'silence');
  }

  get entries(): number {
    return this.#table.size;
  }

  get unflushed(): number {
    return this.#dirty.length + this.#pending.length;
  }

  get clock(): TaskClock {
    return { streamTimeMs: this.#clockMs, closedThroughMs: Number.NEGATIVE_INFINITY };
  }

  set clock({ streamTimeMs }: TaskClock) {
    this.#clockMs = streamTimeMs;
    this.#sweptMs = streamTimeMs;
  }

  process(o: ObservationView, recordTimeMs: number): void {
    const { bytes, epStart, epEnd, pathStart, pathEnd } = o;
    this.tick(recordTimeMs);
    if (isLongNamed(o)) {
      this.skips.too_long++;
      return;
    }
    this.#see(this.#watched(bytes, epStart, epEnd, pathStart, pathEnd), o, recordTimeMs);
    if (this.#watchesEndpoints) this.#see(this.#watched(bytes, epStart, epEnd, 0, 0), undefined, recordTimeMs);
  }

  tick(nowMs: number): void {
    if (nowMs > this.#clockMs) this.#clockMs = nowMs;
    if (!this.#watchesSilence || this.#clockMs < this.#sweptMs + SWEEP_MS) return;
    this.#sweptMs = this.#clockMs;
    for (let index = 0; index < this.#entries.length; index++) {
      const watched = this.#entries[index];
      if (watched === undefined) continue;
      for (const rule of watched.rules) {
        if (rule.kind === 'silence') this.#pass(index, watched, judgeSilence(rule, watched, this.#clockMs));
      }
    }
  }

  flush(out: Emitter): void {
    for (const { watched, verdict } of this.#pending) this.#emit(out, watched, verdict);
    this.#pending = [];
    for (const { key, watched } of this.#dirty) {
      out.change(key, watched === null ? null : encodeWatched(watched));
      if (watched === null) continue;
      watched.dirty = false;
      watched.keptSeenMs = watched.seenMs;
    }
    this.#dirty = [];
  }

  restore(key: Buffer, value: Buffer | null): void {
    const index = this.#table.intern(key);
    const watched = this.#watch(this.#table.keyOf(index));
    if (watched !== undefined && value !== null) restoreWatched(watched, value);
    this.#entries[index] = watched;
  }

  /** The number of what is watched there; −1 when no rule does, or there is no room. */
  #watched(bytes: Buffer, epStart: number, epEnd: number, pathStart: number, pathEnd: number): number {
    let index = this.#table.find(bytes, epStart, epEnd, pathStart, pathEnd);
    if (index < 0) {
      if (this.#table.size >= this.#o.entriesLimit && !this.#makeRoom()) {
        this.skips.state_full++;
        return -1;
      }
      this.#table.find(bytes, epStart, epEnd, pathStart, pathEnd);
      index = this.#table.add(bytes, epStart, epEnd, pathStart, pathEnd);
      this.#entries[index] = this.#watch(this.#table.keyOf(index));
    }
    return this.#entries[index] === undefined ? -1 : index;
  }

  #watch(key: Buffer): Watched | undefined {
    const cut = key.lastIndexOf(0);
    const ep = key.toString('utf8', 0, cut);
    const path = key.toString('utf8', cut + 1);
    const rules = this.#rules
      .filter((one) => one.ep.test(ep) && (path === '' ? one.path === undefined : one.path?.test(path) === true))
      .map(({ rule }) => rule);
    if (rules.length === 0) return undefined;
    const never = Number.NEGATIVE_INFINITY;
    return {
      ...{ ep, path, rules, raised: new Set<string>(), value: Number.NaN },
      ...{ timeMs: never, seenMs: never, keptSeenMs: never, dirty: false },
    };
  }

  #see(index: number, o: ObservationView | undefined, recordTimeMs: number): void {
    const watched = this.#entries[index];
    if (watched === undefined) return;
    for (const rule of watched.rules) if (rule.kind === 'silence') this.#hear(index, watched, rule, recordTimeMs);
    if (recordTimeMs > watched.seenMs) watched.seenMs = recordTimeMs;
    if (o !== undefined && watched.rules.some(isOfValues)) this.#judge(index, watched, o, recordTimeMs);
  }

  /** A silence that was over before anybody looked is told nevertheless, with its end. */
  #hear(index: number, watched: Watched, rule: SilenceRule, recordTimeMs: number): void {
    this.#pass(index, watched, judgeSilence(rule, watched, recordTimeMs));
    this.#pass(index, watched, endOfSilence(rule, watched, recordTimeMs));
    if (recordTimeMs > watched.keptSeenMs + keptWithinMs(rule)) this.#touch(index, watched);
  }

  #judge(index: number, watched: Watched, o: ObservationView, recordTimeMs: number): void {
    const { content, value, timestamp } = o;
    if (content !== CONTENT.number) {
      if (content === CONTENT.none) this.skips.no_value++;
      else if (content === CONTENT.several) this.skips.not_single++;
      else this.skips.not_numeric++;
      return;
    }
    // It would stand as the newest, and all that is right would be out of order.
    if (timestamp > recordTimeMs + FUTURE_LIMIT_MS) {
      this.skips.from_future++;
      return;
    }
    if (timestamp < watched.timeMs) {
      this.skips.out_of_order++;
      return;
    }
    for (const rule of watched.rules) {
      if (rule.kind !== 'silence') this.#pass(index, watched, judgeValue(rule as ValueRule, watched, value, timestamp));
    }
    watched.value = value;
    watched.timeMs = timestamp;
    this.#touch(index, watched);
  }

  #pass(index: number, watched: Watched, verdict: Verdict | undefined): void {
    if (verdict === undefined) return;
    if (verdict.state === 'RAISED') watched.raised.add(verdict.rule.name);
    else watched.raised.delete(verdict.rule.name);
    this.#pending.push({ watched, verdict });
    this.#touch(index, watched);
  }

  #touch(index: number, watched: Watched): void {
    if (watched.dirty) return;
    watched.dirty = true;
    this.#dirty.push({ key: Buffer.from(this.#table.keyOf(index)), watched });
  }

  /** Forgets what no rule looks at and what was not heard of for long. */
  #makeRoom(): boolean {
    if (this.#clockMs < this.#roomFromMs) return false;
    const before = this.#table.size;
    const old = this.#table;
    const entries = this.#entries;
    this.#table = new ByteKeyTable();
    this.#entries = [];
    for (const [index, watched] of entries.entries()) {
      if (watched === undefined) continue;
      const key = old.keyOf(index);
      if (watched.seenMs >= this.#clockMs - FORGET_MS) this.#entries[this.#table.intern(key)] = watched;
      else this.#dirty.push({ key: Buffer.from(key), watched: null });
    }
    const freed = before - this.#table.size;
    if (freed < LITTLE_ROOM * this.#o.entriesLimit) this.#roomFromMs = this.#clockMs + ROOM_PAUSE_MS;
    return freed > 0;
  }

  #emit(out: Emitter, { ep, path }: Watched, { rule, state, timestamp, value, limit }: Verdict): void {
    const alarm: AvroAlarm = {
      serverId: this.#o.gatewayId,
      rule: rule.name,
      kind: rule.kind.toUpperCase() as AvroAlarmKind,
      ...{ state, ep, timestamp, limit },
      path: path === '' ? null : { string: path },
      value: value === null ? null : { double: value },
    };
    out.output(this.#o.keys.encode({ ep }), this.#o.values.encode(alarm));
  }
}

function isOfValues({ kind }: AlarmRule): boolean {
  return kind !== 'silence';
}
