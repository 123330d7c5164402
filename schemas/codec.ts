import type { Type } from 'avsc';

/**
 * Confluent wire format: one zero byte, the schema id as 4 bytes big-endian, the Avro binary.
 *
 *   0        1                 5
 *   +--------+-----------------+---------------
 *   |  0x00  |  schema id      |  Avro binary …
 *   +--------+-----------------+---------------
 */
const MAGIC_BYTE = 0;
export const FRAME_BYTES = 5;

/** The schema id of a framed record; undefined when the bytes are no such frame. */
export function schemaIdOf(bytes: Uint8Array): number | undefined {
  return schemaIdAt(bytes, 0, bytes.length);
}

/** As `schemaIdOf`, of a record that lies in the bytes from `start` up to `end`. */
export function schemaIdAt(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start < FRAME_BYTES || bytes[start] !== MAGIC_BYTE) return undefined;
  return ((bytes[start + 1]! << 24) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 8) | bytes[start + 4]!) >>> 0;
}

/** Start size of the buffer that records are encoded in before they are copied out; it grows to the largest record seen. */
const SCRATCH_BYTES = 8 * 1024;
let scratch = Buffer.allocUnsafe(SCRATCH_BYTES);

/** Encodes values of one type under one schema id. Throws what avsc throws when a value does not fit. */
export class FrameEncoder<T> {
  readonly schemaId: number;
  readonly #type: Type;

  constructor(type: Type, schemaId: number) {
    this.#type = type;
    this.schemaId = schemaId;
  }

  encode(value: T): Buffer {
    let end = this.#type.encode(value, scratch, FRAME_BYTES);
    if (end < 0) {
      scratch = Buffer.allocUnsafe(2 * (scratch.length - end));
      end = this.#type.encode(value, scratch, FRAME_BYTES);
    }
    const frame = Buffer.allocUnsafe(end);
    scratch.copy(frame, 0, 0, end);
    frame[0] = MAGIC_BYTE;
    frame.writeUInt32BE(this.schemaId, 1);
    return frame;
  }
}
