import { canonicalInteger, exactInt64 } from './integers.ts';
import type { ObjectLink, ResourceType, ResourceValue } from './node.ts';
import { readUtf8, writeUtf8 } from './utf8.ts';
import { contentFault, type ValueSite } from './value-site.ts';

/*
 * Values inside TLV entries, all big-endian: INTEGER and TIME (seconds) in 1, 2, 4 or 8 bytes, two's complement unless
 * the model says unsigned; FLOAT in IEEE 754 single or double; BOOLEAN one byte 0 or 1; OBJLNK two 16-bit ids; STRING
 * UTF-8 and OPAQUE any bytes, both possibly none.
 */

/** Throws LWM2M_CONTENT. An OPAQUE value shares memory with `bytes`. NaN and infinities of IEEE 754 are kept. */
export function readTlvValue(type: ResourceType, unsigned: boolean, bytes: Buffer, site: ValueSite): ResourceValue {
  switch (type) {
    case 'INTEGER':
      return { type, value: readInteger(bytes, unsigned, type, site) };
    case 'FLOAT':
      return { type, value: readFloat(bytes, site) };
    case 'STRING':
      return { type, value: readUtf8(bytes) ?? refuse(site, 'STRING is not UTF-8') };
    case 'BOOLEAN':
      return { type, value: readBoolean(bytes, site) };
    case 'OPAQUE':
      return { type, value: bytes };
    case 'TIME':
      return { type, value: readTime(bytes, site) };
    case 'OBJLNK':
      return { type, value: readObjectLink(bytes, site) };
  }
}

function refuse(site: ValueSite, what: string): never {
  throw contentFault(site, what);
}

function readInteger(bytes: Buffer, unsigned: boolean, type: ResourceType, site: ValueSite): number | bigint {
  switch (bytes.length) {
    case 1:
    case 2:
    case 4:
      return unsigned ? bytes.readUIntBE(0, bytes.length) : bytes.readIntBE(0, bytes.length);
    case 8:
      return canonicalInteger(unsigned ? bytes.readBigUInt64BE() : bytes.readBigInt64BE());
    default:
      return refuse(site, `${type} takes 1, 2, 4 or 8 bytes, not ${bytes.length}`);
  }
}

function readFloat(bytes: Buffer, site: ValueSite): number {
  if (bytes.length === 4) return bytes.readFloatBE();
  return bytes.length === 8 ? bytes.readDoubleBE() : refuse(site, `FLOAT takes 4 or 8 bytes, not ${bytes.length}`);
}

function readBoolean(bytes: Buffer, site: ValueSite): boolean {
  if (bytes.length !== 1 || bytes[0]! > 1) refuse(site, 'BOOLEAN is one byte, 0 or 1');
  return bytes[0] === 1;
}

function readTime(bytes: Buffer, site: ValueSite): number {
  const milliseconds = Number(readInteger(bytes, false, 'TIME', site)) * 1000;
  return Number.isSafeInteger(milliseconds) ? milliseconds : refuse(site, 'TIME is out of range');
}

function readObjectLink(bytes: Buffer, site: ValueSite): ObjectLink {
  if (bytes.length !== 4) refuse(site, `OBJLNK takes 4 bytes, not ${bytes.length}`);
  return { objectId: bytes.readUInt16BE(0), instanceId: bytes.readUInt16BE(2) };
}

/** The shortest form of a value. TIME is cut to whole seconds. Throws LWM2M_CONTENT for a value its type cannot hold. */
export function writeTlvValue(value: ResourceValue, site: ValueSite): Buffer {
  switch (value.type) {
    case 'INTEGER':
      return writeInteger(value.value, site);
    case 'FLOAT':
      return writeFloat(value.value);
    case 'STRING':
      return writeUtf8(value.value) ?? refuse(site, 'STRING has half a surrogate pair');
    case 'BOOLEAN':
      return Buffer.of(value.value ? 1 : 0);
    case 'OPAQUE':
      return Buffer.from(value.value.buffer, value.value.byteOffset, value.value.byteLength);
    case 'TIME':
      return writeInteger(wholeSeconds(value.value, site), site);
    case 'OBJLNK':
      return writeObjectLink(value.value, site);
  }
}

/** Seconds of a TIME in ms. Throws LWM2M_CONTENT when it is no exact whole number of milliseconds. */
export function wholeSeconds(milliseconds: number, site: ValueSite): number {
  if (!Number.isSafeInteger(milliseconds)) refuse(site, 'TIME is not a whole number of milliseconds');
  return Math.floor(milliseconds / 1000);
}

function writeInteger(value: number | bigint, site: ValueSite): Buffer {
  const exact = exactInt64(value) ?? refuse(site, 'INTEGER is not a whole number of 64 bits');
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(exact);
  const width = [1, 2, 4].find((w) => BigInt.asIntN(w * 8, exact) === exact) ?? 8;
  return bytes.subarray(8 - width);
}

function writeFloat(value: number): Buffer {
  const single = Object.is(Math.fround(value), value);
  const bytes = Buffer.alloc(single ? 4 : 8);
  if (single) bytes.writeFloatBE(value);
  else bytes.writeDoubleBE(value);
  return bytes;
}

function writeObjectLink({ objectId, instanceId }: ObjectLink, site: ValueSite): Buffer {
  for (const id of [objectId, instanceId]) {
    if (!Number.isInteger(id) || id < 0 || id > 0xffff) refuse(site, 'OBJLNK ids go from 0 to 65535');
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(objectId, 0);
  bytes.writeUInt16BE(instanceId, 2);
  return bytes;
}
