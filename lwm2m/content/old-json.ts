import { formatPath } from '../path.ts';
import {
  type ContentRecords,
  isOldJsonAbsolute,
  packFault,
  type ReadingContext,
  RecordFields,
  RecordResolver,
} from './content-records.ts';
import { isFields, type JsonFields, parseJsonContent, wireNumber, writeJsonFloat } from './json-text.ts';
import type { ResourceValue } from './node.ts';
import type { WrittenRecord } from './record-writing.ts';
import { wholeSeconds } from './tlv-values.ts';
import { writableFloat, writableInteger, writableLink, writableText } from './wire-value.ts';

/**
 * Reads the JSON of LwM2M 1.0: `{"bn":"/3/0/","bt":0,"e":[{"n":"0","sv":"x"}]}`. Names without a base name and without
 * a slash are relative to the path that was asked for. Throws LWM2M_CONTENT when it is not of that form.
 */
export function readOldJson(payload: Uint8Array, context: ReadingContext): ContentRecords {
  const asked = formatPath(context.path);
  const resolver = new RecordResolver(context, isOldJsonAbsolute, asked === '/' ? '/' : `${asked}/`);
  const pack = parseJsonContent(payload);
  if (pack === undefined) return resolver;
  const entries: unknown = isFields(pack) ? pack.e : undefined;
  if (!isFields(pack) || !Array.isArray(entries)) throw packFault('no array "e"');
  const base = readBase(pack);
  const fields = new RecordFields();
  for (const entry of entries) {
    fields.clear();
    fields.baseName = base.baseName;
    fields.baseTime = base.baseTime;
    fields.name = '';
    if (isFields(entry)) readEntry(entry, fields);
    else fields.fault = 'not an object';
    resolver.take(fields);
  }
  return resolver;
}

function readBase({ bn, bt }: JsonFields): { baseName: string | undefined; baseTime: number | undefined } {
  if (bn !== undefined && typeof bn !== 'string') throw packFault('bn is no text');
  if (bt !== undefined && (typeof bt !== 'number' || !Number.isFinite(bt))) throw packFault('bt is no number');
  return { baseName: bn, baseTime: bt };
}

function readEntry(entry: JsonFields, fields: RecordFields): void {
  const { n, t, v, bv, sv, ov } = entry;
  if (n !== undefined && typeof n !== 'string') fields.fault = 'n is no text';
  else if (n !== undefined) fields.name = n;
  if (t !== undefined && (typeof t !== 'number' || !Number.isFinite(t))) fields.fault = 't is no number';
  else fields.time = t;
  if (v !== undefined) fields.setValue(wireNumber(v) ?? 'no number', 'v');
  if (bv !== undefined) fields.setValue(typeof bv === 'boolean' ? { kind: 'boolean', value: bv } : 'no boolean', 'bv');
  if (sv !== undefined) fields.setValue(typeof sv === 'string' ? { kind: 'encoded', value: sv } : 'no text', 'sv');
  if (ov !== undefined) fields.setValue(typeof ov === 'string' ? { kind: 'link', value: ov } : 'no text', 'ov');
}

/** Writes records of one node: base fields of the first hold for all. Throws LWM2M_CONTENT. */
export function writeOldJson(records: readonly WrittenRecord[], path: WrittenRecord['path']): Buffer {
  const baseName = records[0]?.baseName ?? formatPath(path);
  return Buffer.from(`{"bn":"${baseName}","e":[${records.map(entryText).join(',')}]}`);
}

function entryText({ name, value, path }: WrittenRecord): string {
  const fields = name === undefined ? [] : [`"n":"${name}"`];
  if (value !== undefined) fields.push(valueText(value, path));
  return `{${fields.join(',')}}`;
}

function valueText(value: ResourceValue, path: WrittenRecord['path']): string {
  switch (value.type) {
    case 'INTEGER':
      return `"v":${writableInteger(value.value, path)}`;
    case 'FLOAT':
      return `"v":${writeJsonFloat(writableFloat(value.value, path))}`;
    case 'STRING':
      return `"sv":${JSON.stringify(writableText(value.value, path))}`;
    case 'BOOLEAN':
      return `"bv":${value.value}`;
    case 'OPAQUE': {
      const { buffer, byteOffset, byteLength } = value.value;
      return `"sv":"${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}"`;
    }
    case 'TIME':
      return `"v":${wholeSeconds(value.value, { path })}`;
    case 'OBJLNK':
      return `"ov":"${writableLink(value.value, path)}"`;
  }
}
