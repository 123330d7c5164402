import { PlatformError } from '../../common/errors.ts';

/*
 * One entry of the LwM2M TLV format, and entries stand one after another without a count:
 *
 *    bit 7 6   5      4 3            2 1 0
 *   +--------+------+--------------+--------+-------------+-------------------+- - - - - -+
 *   |  kind  | id16 | length bytes | length | id: 1 or 2  | length: 0 to 3    |   value   |
 *   +--------+------+--------------+--------+-------------+-------------------+- - - - - -+
 *
 * Bits 2-0 hold the length when there are no length bytes. All numbers are big-endian. The value of an object instance
 * or of a multiple resource is itself a run of entries.
 */
const TLV_KINDS = ['objectInstance', 'resourceInstance', 'multipleResource', 'resource'] as const; // by bits 7-6
export type TlvKind = (typeof TLV_KINDS)[number];

export interface TlvLeaf {
  readonly kind: 'resourceInstance' | 'resource';
  readonly id: number;
  readonly offset: number; // of the type byte in the payload; 0 in entries that are made to be written
  readonly value: Buffer;
}
export interface TlvBranch {
  readonly kind: 'objectInstance' | 'multipleResource';
  readonly id: number;
  readonly offset: number;
  readonly children: readonly TlvEntry[];
}
export type TlvEntry = TlvLeaf | TlvBranch;

/** What may stand inside what. It also bounds the depth: three levels, whatever the bytes say. */
const CHILD_KINDS = {
  payload: TLV_KINDS,
  objectInstance: ['multipleResource', 'resource'],
  multipleResource: ['resourceInstance'],
} as const satisfies Record<string, readonly TlvKind[]>;

/** Entries on all levels together; a payload with more is refused. */
export const MAX_TLV_ENTRIES = 2 ** 16;
const MAX_VALUE_BYTES = 2 ** 24 - 1; // three length bytes
const INLINE_LENGTH = 2 ** 3; // first length that does not fit bits 2-0
const ID16 = 0b0010_0000;

/**
 * Splits a payload into entries, all lengths and the nesting checked. Values share memory with the payload.
 * Throws LWM2M_TLV with the byte offset of the entry at fault.
 */
export function decodeTlv(payload: Uint8Array): TlvEntry[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return readEntries({ bytes, entries: 0 }, 0, bytes.length, 'payload');
}

interface Reading {
  readonly bytes: Buffer;
  entries: number;
}

function readEntries(reading: Reading, from: number, to: number, within: keyof typeof CHILD_KINDS): TlvEntry[] {
  const entries: TlvEntry[] = [];
  for (let at = from; at < to; ) {
    if (++reading.entries > MAX_TLV_ENTRIES) throw tlvFault(at, `more than ${MAX_TLV_ENTRIES} entries`);
    const { kind, id, valueAt, end } = readHeader(reading.bytes, at, to);
    const allowed: readonly TlvKind[] = CHILD_KINDS[within];
    if (!allowed.includes(kind)) throw tlvFault(at, `${kind} inside ${within}`);
    if (kind === 'objectInstance' || kind === 'multipleResource') {
      entries.push({ kind, id, offset: at, children: readEntries(reading, valueAt, end, kind) });
    } else {
      entries.push({ kind, id, offset: at, value: reading.bytes.subarray(valueAt, end) });
    }
    at = end;
  }
  return entries;
}

function readHeader(bytes: Buffer, at: number, to: number) {
  const type = bytes[at]!;
  const idBytes = type & ID16 ? 2 : 1;
  const lengthBytes = (type >> 3) & 0b11;
  const valueAt = at + 1 + idBytes + lengthBytes;
  if (valueAt > to) throw tlvFault(at, 'the header is cut short');
  const length = lengthBytes === 0 ? type & 0b111 : bytes.readUIntBE(valueAt - lengthBytes, lengthBytes);
  if (valueAt + length > to) throw tlvFault(at, `${length} value bytes announced, ${to - valueAt} present`);
  return { kind: TLV_KINDS[type >> 6]!, id: bytes.readUIntBE(at + 1, idBytes), valueAt, end: valueAt + length };
}

function tlvFault(offset: number, what: string): PlatformError {
  return new PlatformError('LWM2M_TLV', `TLV entry at byte ${offset}: ${what}`, { details: { offset } });
}

/** Writes entries with the shortest ids and lengths. Throws LWM2M_TLV for an id or a length that does not fit. */
export function encodeTlv(entries: readonly TlvEntry[]): Buffer {
  return Buffer.concat(entries.flatMap(writeEntry));
}

function writeEntry(entry: TlvEntry): Uint8Array[] {
  const value = 'value' in entry ? entry.value : encodeTlv(entry.children);
  return [writeHeader(entry.kind, entry.id, value.length), value];
}

function writeHeader(kind: TlvKind, id: number, length: number): Buffer {
  if (!Number.isInteger(id) || id < 0 || id >= 2 ** 16) throw tlvFault(0, `id ${id} does not fit 16 bits`);
  if (length > MAX_VALUE_BYTES) throw tlvFault(0, `a value of ${length} bytes does not fit 24 bits`);
  const idBytes = id < 2 ** 8 ? 1 : 2;
  const lengthBytes = length < INLINE_LENGTH ? 0 : byteCount(length);
  const header = Buffer.alloc(1 + idBytes + lengthBytes);
  header[0] = (TLV_KINDS.indexOf(kind) << 6) | (idBytes === 2 ? ID16 : 0) | (lengthBytes << 3);
  if (lengthBytes === 0) header[0] |= length;
  else header.writeUIntBE(length, 1 + idBytes, lengthBytes);
  header.writeUIntBE(id, 1, idBytes);
  return header;
}

function byteCount(length: number): 1 | 2 | 3 {
  if (length < 2 ** 8) return 1;
  return length < 2 ** 16 ? 2 : 3;
}
