import {
  type ContentRecords,
  isSenmlAbsolute,
  packFault,
  type ReadingContext,
  RecordFields,
  RecordResolver,
} from './content-records.ts';
import { isFields, type JsonFields, parseJsonContent, wireNumber, writeJsonFloat } from './json-text.ts';
import type { ResourceValue } from './node.ts';
import type { WrittenRecord } from './record-writing.ts';
import { wholeSeconds } from './tlv-values.ts';
import { bytesOfBase64, writableFloat, writableInteger, writableLink, writableText } from './wire-value.ts';

/** Reads a SenML pack in JSON (RFC 8428 §5), or one for SenML-ETCH. Throws LWM2M_CONTENT when it is no pack. */
export function readSenmlJson(payload: Uint8Array, context: ReadingContext): ContentRecords {
  const pack = parseJsonContent(payload) ?? [];
  if (!Array.isArray(pack)) throw packFault('a pack is an array');
  const resolver = new RecordResolver(context, isSenmlAbsolute);
  const fields = new RecordFields();
  for (const record of pack) {
    fields.clear();
    if (isFields(record)) readRecord(record, fields);
    else fields.fault = 'not an object';
    resolver.take(fields);
  }
  return resolver;
}

function readRecord(record: JsonFields, fields: RecordFields): void {
  for (const label of Object.keys(record)) readField(label, record[label], fields);
}

function readField(label: string, field: unknown, fields: RecordFields): void {
  switch (label) {
    case 'bn':
    case 'n':
      if (typeof field !== 'string') fields.fault = `${label} is no text`;
      else if (label === 'bn') fields.baseName = field;
      else fields.name = field;
      return;
    case 'bt':
    case 't':
      if (typeof field !== 'number' || !Number.isFinite(field)) fields.fault = `${label} is no number`;
      else if (label === 'bt') fields.baseTime = field;
      else fields.time = field;
      return;
    case 'bver':
      if (typeof field === 'number') fields.baseVersion = field;
      else fields.fault = 'bver is no number';
      return;
    case 'bv':
      fields.baseValue = wireNumber(field);
      if (fields.baseValue === undefined) fields.fault = 'bv is no number';
      return;
    case 's':
    case 'bs':
      if (label === 's') fields.hasSum = true;
      return;
    default:
      readValueField(label, field, fields);
  }
}

function readValueField(label: string, field: unknown, fields: RecordFields): void {
  switch (label) {
    case 'v':
      return fields.setValue(wireNumber(field) ?? 'no number', label);
    case 'vb':
      return fields.setValue(typeof field === 'boolean' ? { kind: 'boolean', value: field } : 'no boolean', label);
    case 'vs':
      return fields.setValue(typeof field === 'string' ? { kind: 'text', value: field } : 'no text', label);
    case 'vlo':
      return fields.setValue(typeof field === 'string' ? { kind: 'link', value: field } : 'no text', label);
    case 'vd': {
      const value = typeof field === 'string' ? bytesOfBase64(field) : undefined;
      return fields.setValue(value === undefined ? 'no base64' : { kind: 'bytes', value }, label);
    }
    default:
      // A reader must understand such fields, others it may ignore (RFC 8428 §4.4).
      if (label.endsWith('_')) throw packFault('a field that must be understood is not known');
  }
}

/** Writes a pack. Throws LWM2M_CONTENT for a value that its type cannot hold. */
export function writeSenmlJson(records: readonly WrittenRecord[]): Buffer {
  return Buffer.from(`[${records.map(recordText).join(',')}]`);
}

function recordText({ baseName, baseTimeSeconds, name, value, path }: WrittenRecord): string {
  const fields: string[] = [];
  if (baseName !== undefined) fields.push(`"bn":"${baseName}"`);
  if (baseTimeSeconds !== undefined) fields.push(`"bt":${baseTimeSeconds}`);
  if (name !== undefined) fields.push(`"n":"${name}"`);
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
      return `"vs":${JSON.stringify(writableText(value.value, path))}`;
    case 'BOOLEAN':
      return `"vb":${value.value}`;
    case 'OPAQUE': {
      const { buffer, byteOffset, byteLength } = value.value;
      return `"vd":"${Buffer.from(buffer, byteOffset, byteLength).toString('base64url')}"`;
    }
    case 'TIME':
      return `"v":${wholeSeconds(value.value, { path })}`;
    case 'OBJLNK':
      return `"vlo":"${writableLink(value.value, path)}"`;
  }
}
