import { PlatformError } from '../../common/errors.ts';
import { type Lwm2mPath, MAX_ID } from '../path.ts';
import { MAX_CONTENT_FAULTS, MAX_CONTENT_RECORDS, MAX_NAME_CHARS } from './content-limits.ts';
import { contentFault } from './value-site.ts';
import type { WireNumber, WireValue } from './wire-value.ts';

/** One value of a payload under its resolved name and time. */
export interface ContentRecord {
  readonly path: Lwm2mPath;
  readonly timestampMs: number | undefined;
  readonly value: WireValue | undefined; // undefined: the payload only names the path
  /** base: only base fields, which may name a path; container: an object, instance or resource that holds nothing */
  readonly without?: 'base' | 'container';
  readonly prefix?: string; // of a device behind a gateway, where the reader was told of prefixes
}

/** All that one payload holds. */
export interface ContentRecords {
  readonly records: readonly ContentRecord[];
  readonly faults: ContentFaults;
}

/** What reading a payload needs to know beside its bytes. */
export interface ReadingContext {
  readonly nowMs: number;
  readonly path: Lwm2mPath; // what was asked for; names of the old JSON may be relative to it
  readonly rootPath: string; // before all names, as `namePrefix` makes it
  readonly isPrefix?: ((segment: string) => boolean) | undefined; // what names a device behind a gateway, after the root path
}

/** What stands before names: "" for no root path or "/", else "/lwm2m", whatever slashes the root path is given with. */
export function namePrefix(rootPath: string): string {
  if (rootPath === '' || rootPath === '/') return '';
  const end = rootPath.endsWith('/') ? -1 : undefined;
  return rootPath.startsWith('/') ? rootPath.slice(0, end) : `/${rootPath.slice(0, end)}`;
}

/** Collects what is wrong, record by record, up to a limit. */
export class ContentFaults {
  readonly #faults: PlatformError[] = [];
  #more = 0;

  /** A fault of the nth record, whose path is not known. */
  addRecord(record: number, what: string): void {
    if (this.#hasRoom()) {
      this.#faults.push(new PlatformError('LWM2M_CONTENT', `record ${record}: ${what}`, { details: { record } }));
    }
  }

  addAt(path: Lwm2mPath, what: string): void {
    if (this.#hasRoom()) this.#faults.push(contentFault({ path }, what));
  }

  /** Asked before an error is made: that is the dear part of a fault. */
  #hasRoom(): boolean {
    if (this.#faults.length < MAX_CONTENT_FAULTS) return true;
    this.#more++;
    return false;
  }

  get isEmpty(): boolean {
    return this.#faults.length === 0;
  }

  /** All of them; beyond the limit the last one says how many more there were. */
  all(): readonly PlatformError[] {
    if (this.#more === 0) return this.#faults;
    const details = { records: this.#more };
    return [...this.#faults, new PlatformError('LWM2M_CONTENT', `${this.#more} more bad records`, { details })];
  }
}

/** Fields of one record as its format has them. A reader fills one object again and again. */
export class RecordFields {
  baseName: string | undefined;
  baseTime: number | undefined;
  baseValue: WireNumber | undefined;
  baseVersion: number | undefined;
  name: string | undefined;
  time: number | undefined;
  value: WireValue | undefined;
  hasSum = false;
  fault: string | undefined;

  clear(): void {
    this.baseName = undefined;
    this.baseTime = undefined;
    this.baseValue = undefined;
    this.baseVersion = undefined;
    this.name = undefined;
    this.time = undefined;
    this.value = undefined;
    this.hasSum = false;
    this.fault = undefined;
  }

  /** Sets the one value a record may have. */
  setValue(value: WireValue | undefined | string, label: string): void {
    if (typeof value === 'string') this.fault = `${label} is ${value}`;
    else if (value === undefined) this.fault = `${label} is null`;
    else if (this.value !== undefined) this.fault = 'more than one value';
    else this.value = value;
  }
}

/** Below this a SenML time counts from now; at or above it, from 1970 (RFC 8428 §4.5.3). */
export const FIRST_ABSOLUTE_SECOND = 2 ** 28;

/** The last and first time that a JavaScript date, and so every store behind, can hold. */
const MAX_TIMESTAMP_MS = 8.64e15;

/** The version of SenML that RFC 8428 defines. */
const SENML_VERSION = 10;

export function isSenmlAbsolute(seconds: number): boolean {
  return seconds >= FIRST_ABSOLUTE_SECOND;
}

/** In the old JSON a time above zero counts from 1970, without the threshold of SenML: Leshan reads it so. */
export function isOldJsonAbsolute(seconds: number): boolean {
  return seconds > 0;
}

/** Applies the base fields that records before set, and gives each record its path and time. */
export class RecordResolver implements ContentRecords {
  readonly records: ContentRecord[] = [];
  readonly faults = new ContentFaults();
  readonly #context: ReadingContext;
  readonly #isAbsolute: (seconds: number) => boolean;
  readonly #relativeBase: string;
  #taken = 0;
  #baseName = '';
  #baseTime: number | undefined;
  #baseValue: WireNumber | undefined;

  /** @param relativeBase stands before names that have no base name and no slash of their own */
  constructor(context: ReadingContext, isAbsolute: (seconds: number) => boolean, relativeBase = '') {
    this.#context = context;
    this.#isAbsolute = isAbsolute;
    this.#relativeBase = relativeBase;
  }

  take(fields: RecordFields): void {
    if (++this.#taken > MAX_CONTENT_RECORDS) throw packFault(`more than ${MAX_CONTENT_RECORDS} records`);
    if (fields.baseVersion !== undefined && fields.baseVersion > SENML_VERSION) {
      throw packFault(`version ${fields.baseVersion} is not known`);
    }
    if (fields.baseName !== undefined) this.#baseName = fields.baseName;
    if (fields.baseTime !== undefined) this.#baseTime = fields.baseTime;
    if (fields.baseValue !== undefined) this.#baseValue = fields.baseValue;
    if (fields.fault !== undefined) return this.#refuse(fields.fault);
    if (fields.value === undefined && (fields.hasSum || fields.name === undefined)) return this.#withoutValue(fields);
    const prefix = this.#context.isPrefix === undefined ? undefined : this.#prefixOf(fields.name);
    const path = this.#pathOf(fields.name, prefix);
    if (typeof path === 'string') return this.#refuse(path);
    const timestampMs = this.#timestampOf(fields.time);
    if (Number.isNaN(timestampMs)) return this.#refuse('time is out of range');
    const value = this.#baseValue === undefined ? fields.value : this.#withBase(fields.value);
    if (prefix === undefined) this.records.push({ path, timestampMs, value });
    else this.records.push({ path, timestampMs, value, prefix });
  }

  /** Sums are not read, and base fields alone are no value; yet a base name alone may name a path, unless names follow it. */
  #withoutValue(fields: RecordFields): void {
    if (fields.hasSum || fields.baseName === undefined || fields.baseName.endsWith('/')) return;
    const path = this.#pathOf(undefined);
    if (typeof path === 'string') return;
    this.records.push({ path, timestampMs: undefined, value: undefined, without: 'base' });
  }

  #refuse(what: string): void {
    this.faults.addRecord(this.#taken, what);
  }

  /** The segment before the ids, when it names a device behind the gateway. */
  #prefixOf(name = ''): string | undefined {
    const { rootPath, isPrefix } = this.#context;
    const full = this.#baseName + name;
    if (full.length > MAX_NAME_CHARS) return undefined;
    const from = (isBelow(full, rootPath) ? rootPath.length : 0) + 1;
    const end = full.indexOf('/', from);
    const segment = full.slice(from, end < 0 ? undefined : end);
    return isPrefix?.(segment) === true ? segment : undefined;
  }

  #pathOf(name: string | undefined, prefix?: string): Lwm2mPath | string {
    let full = name === undefined ? this.#baseName : this.#baseName + name;
    if (this.#relativeBase !== '' && this.#baseName === '' && !full.startsWith('/')) full = this.#relativeBase + full;
    if (full.length > MAX_NAME_CHARS) return `the name is longer than ${MAX_NAME_CHARS}`;
    if (full === '') return 'no name';
    const { rootPath } = this.#context;
    return (
      pathOfName(full, prefix === undefined ? rootPath : rootOf(full, rootPath, prefix)) ?? 'the name is not a path'
    );
  }

  #timestampOf(time: number | undefined): number | undefined {
    if (time === undefined && this.#baseTime === undefined) return undefined;
    const seconds = (this.#baseTime ?? 0) + (time ?? 0);
    const milliseconds = Math.round(seconds * 1000) + (this.#isAbsolute(seconds) ? 0 : this.#context.nowMs);
    return Math.abs(milliseconds) <= MAX_TIMESTAMP_MS ? milliseconds : Number.NaN;
  }

  /** The base value is added to a number; to a record without a value it is the value (RFC 8428 §4.5.4). */
  #withBase(value: WireValue | undefined): WireValue | undefined {
    const base = this.#baseValue!;
    if (value === undefined) return base;
    if (value.kind !== 'integer' && value.kind !== 'float') return value;
    if (value.kind === 'float' || base.kind === 'float') {
      return { kind: 'float', value: Number(value.value) + Number(base.value) };
    }
    const sum = BigInt(value.value) + BigInt(base.value);
    const exact = Number(sum);
    return { kind: 'integer', value: Number.isSafeInteger(exact) ? exact : sum };
  }
}

/** The payload as a whole cannot be read. */
export function packFault(what: string): PlatformError {
  return new PlatformError('LWM2M_CONTENT', `payload: ${what}`);
}

const SLASH = 0x2f;
const ZERO = 0x30;
const LEVELS = ['objectId', 'instanceId', 'resourceId', 'resourceInstanceId'] as const;

/**
 * The path of a resolved name: with or without the root path, a slash in front and one behind, zeros before an id.
 * Undefined when it is no path.
 */
export function pathOfName(name: string, rootPath: string): Lwm2mPath | undefined {
  let at = isBelow(name, rootPath) ? rootPath.length : 0;
  if (name.charCodeAt(at) === SLASH) at++;
  const path: { -readonly [K in keyof Lwm2mPath]: number } = {};
  for (let level = 0; at < name.length; level++) {
    let id = 0;
    const from = at;
    for (; at < name.length && name.charCodeAt(at) !== SLASH; at++) {
      const digit = name.charCodeAt(at) - ZERO;
      if (digit < 0 || digit > 9 || at - from >= 5) return undefined;
      id = id * 10 + digit;
    }
    if (at === from || id > MAX_ID || level >= LEVELS.length) return undefined;
    path[LEVELS[level]!] = id;
    at++;
  }
  return path;
}

/** What stands before the ids of a device behind a gateway: its prefix, after the root path where the name has that. */
function rootOf(name: string, rootPath: string, prefix: string): string {
  return isBelow(name, rootPath) ? `${rootPath}/${prefix}` : `/${prefix}`;
}

function isBelow(name: string, rootPath: string): boolean {
  if (rootPath === '' || !name.startsWith(rootPath)) return false;
  return name.length === rootPath.length || name.charCodeAt(rootPath.length) === SLASH;
}
