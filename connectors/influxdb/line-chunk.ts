import { schemaIdAt } from '../../schemas/codec.ts';
import { type ByteChunk, TAKEN } from '../sink.ts';
import type { DirectLines } from './direct-lines.ts';
import type { LineBuffer } from './line-buffer.ts';
import { LEFT_TO_DECODER } from './line-program.ts';

/** How records are made into lines, by schema id; undefined for a schema that only decoded records tell of. */
export type DirectBySchema = ReadonlyMap<number, DirectLines | undefined>;

/** Lines and bytes of one request: InfluxDB parses a body as a whole, and takes up to 50 MB. */
export const LINES_PER_REQUEST = 5_000;
export const REQUEST_BYTES = 4 * 2 ** 20;

/** The lines of records of one partition. */
export class LineChunk implements ByteChunk {
  readonly lines: LineBuffer;
  readonly #direct: DirectBySchema;
  readonly #place: { readonly partition: number; offset: number; timestampMs: number };
  #lastId = -1;
  #last: DirectLines | undefined;

  constructor(lines: LineBuffer, direct: DirectBySchema, partition: number) {
    this.lines = lines;
    this.#direct = direct;
    this.#place = { partition, offset: 0, timestampMs: 0 };
  }

  get isEmpty(): boolean {
    return this.lines.lines === 0;
  }

  get isFull(): boolean {
    return this.lines.lines >= LINES_PER_REQUEST || this.lines.length >= REQUEST_BYTES;
  }

  take(
    bytes: Buffer,
    start: number,
    end: number,
    { offset, timestamp }: { offset: number; timestamp: number },
  ): number {
    const id = schemaIdAt(bytes, start, end);
    if (id === undefined) return TAKEN.needsDecoder;
    if (id !== this.#lastId) {
      if (!this.#direct.has(id)) return TAKEN.unknownSchema;
      this.#last = this.#direct.get(id);
      this.#lastId = id;
    }
    if (this.#last === undefined) return TAKEN.needsDecoder;
    const place = this.#place;
    place.offset = offset;
    place.timestampMs = timestamp;
    const made = this.#last.write(this.lines, bytes, start, end, place);
    return made === LEFT_TO_DECODER ? TAKEN.needsDecoder : made;
  }
}
