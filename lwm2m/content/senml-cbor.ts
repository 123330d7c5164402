import { CBOR, CborReader, cborFault } from './cbor-reader.ts';
import { readCborValue, writeCborValue } from './cbor-values.ts';
import { CborWriter } from './cbor-writer.ts';
import {
  type ContentRecords,
  isSenmlAbsolute,
  packFault,
  type ReadingContext,
  RecordFields,
  RecordResolver,
} from './content-records.ts';
import type { WrittenRecord } from './record-writing.ts';
import type { WireValue } from './wire-value.ts';

/** CBOR labels of the SenML fields (RFC 8428 §6); vlo, of LwM2M, has none. */
const LABELS = {
  bver: -1,
  bn: -2,
  bt: -3,
  bu: -4,
  bv: -5,
  bs: -6,
  n: 0,
  u: 1,
  v: 2,
  vs: 3,
  vb: 4,
  s: 5,
  t: 6,
  ut: 7,
  vd: 8,
} as const;
type Label = keyof typeof LABELS | 'vlo';

const BY_NUMBER = new Map<number, Label>(
  Object.entries(LABELS).map(([label, number]) => [number, label as Label] as const),
);

/** Reads a SenML pack in CBOR, or one for SenML-ETCH. Throws LWM2M_CONTENT when it is no pack or not well-formed. */
export function readSenmlCbor(payload: Uint8Array, context: ReadingContext): ContentRecords {
  const resolver = new RecordResolver(context, isSenmlAbsolute);
  if (payload.length === 0) return resolver;
  const reader = new CborReader(payload);
  reader.head();
  if (reader.major !== CBOR.array) throw packFault('a pack is an array');
  const count = reader.count();
  const fields = new RecordFields();
  for (let done = 0; reader.more(count, done); done++) {
    fields.clear();
    readRecord(reader, fields);
    resolver.take(fields);
  }
  reader.end();
  return resolver;
}

function readRecord(reader: CborReader, fields: RecordFields): void {
  reader.head();
  if (reader.major !== CBOR.map) {
    reader.skip(1);
    fields.fault = 'not a map';
    return;
  }
  const count = reader.count();
  for (let done = 0; reader.more(count, done); done++) {
    const label = readLabel(reader);
    if (label === undefined) reader.skipNext(2);
    else readField(reader, label, fields);
  }
}

/** The label by number or by text; undefined when it is not known and may be ignored. */
function readLabel(reader: CborReader): Label | undefined {
  reader.head();
  switch (reader.major) {
    case CBOR.unsigned:
      return BY_NUMBER.get(Number(reader.argument));
    case CBOR.negative:
      return BY_NUMBER.get(-1 - Number(reader.argument));
    case CBOR.text: {
      const text = reader.text();
      if (text === 'vlo' || Object.hasOwn(LABELS, text)) return text as Label;
      // A reader must understand such fields, others it may ignore (RFC 8428 §4.4).
      if (text.endsWith('_')) throw packFault('a field that must be understood is not known');
      return undefined;
    }
    default:
      throw cborFault(reader.at, 'a label is an integer or a text');
  }
}

function readField(reader: CborReader, label: Label, fields: RecordFields): void {
  const value = readCborValue(reader, 2);
  switch (label) {
    case 'bn':
    case 'n':
      return setName(label, value, fields);
    case 'bt':
    case 't':
      return setTime(label, value, fields);
    case 'bver': {
      const version = numberOf(value);
      if (version === undefined) fields.fault = 'bver is no number';
      else fields.baseVersion = version;
      return;
    }
    case 'bv':
      if (fields.baseValue !== undefined) fields.fault = 'bv stands twice';
      else if (typeof value === 'object' && (value.kind === 'integer' || value.kind === 'float'))
        fields.baseValue = value;
      else fields.fault = 'bv is no number';
      return;
    case 's':
      fields.hasSum = true;
      return;
    case 'v':
    case 'vs':
    case 'vb':
    case 'vd':
    case 'vlo':
      return setValue(label, value, fields);
  }
}

function setName(label: 'bn' | 'n', value: WireValue | undefined | string, fields: RecordFields): void {
  const isTwice = label === 'bn' ? fields.baseName !== undefined : fields.name !== undefined;
  if (isTwice) fields.fault = `${label} stands twice`;
  else if (typeof value !== 'object' || value.kind !== 'text') fields.fault = `${label} is no text`;
  else if (label === 'bn') fields.baseName = value.value;
  else fields.name = value.value;
}

function setTime(label: 'bt' | 't', value: WireValue | undefined | string, fields: RecordFields): void {
  const isTwice = label === 'bt' ? fields.baseTime !== undefined : fields.time !== undefined;
  const seconds = numberOf(value);
  if (isTwice) fields.fault = `${label} stands twice`;
  else if (seconds === undefined) fields.fault = `${label} is no number`;
  else if (label === 'bt') fields.baseTime = seconds;
  else fields.time = seconds;
}

function numberOf(value: WireValue | undefined | string): number | undefined {
  if (typeof value !== 'object') return undefined;
  return value.kind === 'integer' || value.kind === 'float' || value.kind === 'time' ? Number(value.value) : undefined;
}

/** Kinds that may stand under each label. */
const KINDS = {
  v: ['integer', 'float', 'time'],
  vs: ['text'],
  vb: ['boolean'],
  vd: ['bytes'],
  vlo: ['text'],
} as const satisfies Record<string, readonly WireValue['kind'][]>;

function setValue(label: keyof typeof KINDS, value: WireValue | undefined | string, fields: RecordFields): void {
  if (typeof value !== 'object') return fields.setValue(value, label);
  const kinds: readonly WireValue['kind'][] = KINDS[label];
  if (!kinds.includes(value.kind)) return fields.setValue(`a ${value.kind}`, label);
  if (label === 'vlo') return fields.setValue({ kind: 'link', value: value.value as string }, label);
  fields.setValue(value, label);
}

const VALUE_LABELS = {
  INTEGER: LABELS.v,
  FLOAT: LABELS.v,
  TIME: LABELS.v,
  STRING: LABELS.vs,
  BOOLEAN: LABELS.vb,
  OPAQUE: LABELS.vd,
} as const;

/** Writes a pack. Throws LWM2M_CONTENT for a value that its type cannot hold. */
export function writeSenmlCbor(records: readonly WrittenRecord[]): Buffer {
  const writer = new CborWriter().head(CBOR.array, records.length);
  for (const record of records) writeRecord(writer, record);
  return writer.finish();
}

function writeRecord(writer: CborWriter, { baseName, baseTimeSeconds, name, value, path }: WrittenRecord): void {
  const fields = [baseName, baseTimeSeconds, name, value].filter((field) => field !== undefined).length;
  writer.head(CBOR.map, fields);
  if (baseName !== undefined) writer.integer(LABELS.bn).text(baseName);
  if (baseTimeSeconds !== undefined) {
    writer.integer(LABELS.bt);
    if (Number.isInteger(baseTimeSeconds)) writer.integer(baseTimeSeconds);
    else writer.float(baseTimeSeconds);
  }
  if (name !== undefined) writer.integer(LABELS.n).text(name);
  if (value === undefined) return;
  if (value.type === 'OBJLNK') writer.text('vlo');
  else writer.integer(VALUE_LABELS[value.type]);
  writeCborValue(writer, value, path, false);
}
