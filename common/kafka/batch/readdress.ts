import { checksumChange } from './checksum.ts';
import { ATTRIBUTE, type BatchCursor, CRC_AT, CRC_COVERS_FROM, LENGTH_AT, LENGTH_COUNTS_FROM } from './cursor.ts';

/** Who a batch says it is from. */
export interface BatchAddress {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** 0 to 2^31 - 1; the one after the last is 0. */
  readonly baseSequence: number;
  readonly transactional: boolean;
}

const NO_LEADER_EPOCH = -1;
/** Behind the first sequence: what of the checksum's part is written anew lies before. */
const CHANGES_END = 57;
const change = new Uint8Array(CHANGES_END - CRC_COVERS_FROM);

/** Whether the records must be written anew because the header cannot say at the target what it says here. */
export function needsReencoding(cursor: BatchCursor): boolean {
  return cursor.magic < 2 || !cursor.hasWholeOffsets || cursor.isLogAppendTime || cursor.hasDeleteHorizon;
}

/**
 * Makes the batch at `start` one of another producer, in place: offset 0, no leader epoch, only the codec left of the attributes,
 * the ids of `to`. The checksum is adjusted, not computed: bytes that were spoilt before are still found by the target.
 */
export function readdress(bytes: Buffer, start: number, to: BatchAddress): void {
  const end = start + LENGTH_COUNTS_FROM + bytes.readInt32BE(start + LENGTH_AT);
  const from = start + CRC_COVERS_FROM;
  for (let at = 0; at < change.length; at++) change[at] = bytes[from + at]!;
  bytes.fill(0, start, start + LENGTH_AT);
  bytes.writeInt32BE(NO_LEADER_EPOCH, start + LENGTH_COUNTS_FROM);
  const codec = bytes.readInt16BE(from) & ATTRIBUTE.codec;
  writeAddress(bytes, start, codec, to);
  for (let at = 0; at < change.length; at++) change[at] = change[at]! ^ bytes[from + at]!;
  const crc = bytes.readInt32BE(start + CRC_AT) ^ checksumChange(change, end - (start + CHANGES_END));
  bytes.writeInt32BE(crc, start + CRC_AT);
}

/** Attributes, producer id and epoch, and first sequence. */
export function writeAddress(bytes: Buffer, start: number, codec: number, to: BatchAddress): void {
  bytes.writeInt16BE(codec | (to.transactional ? ATTRIBUTE.transactional : 0), start + CRC_COVERS_FROM);
  bytes.writeBigInt64BE(to.producerId, start + 43);
  bytes.writeInt16BE(to.producerEpoch, start + 51);
  bytes.writeInt32BE(to.baseSequence, start + 53);
}
