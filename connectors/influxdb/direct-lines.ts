import type { AvroType } from '../../schemas/avro-types.ts';
import { FRAME_BYTES } from '../../schemas/codec.ts';
import { SlotReader } from '../fields/slot-reader.ts';
import type { LineBuffer } from './line-buffer.ts';
import {
  LEFT_TO_DECODER,
  LineProgram,
  type LineProgramOptions,
  type RecordPlace,
  type SlotTable,
} from './line-program.ts';

/** The lines of records of one schema in one topic, made from their bytes; decoding such a record gives the same lines. */
export class DirectLines {
  readonly #reader: SlotReader;
  readonly #programs: readonly LineProgram[];

  /** @param slots those that the programs use */
  constructor(writer: AvroType, slots: SlotTable, programs: (reader: SlotReader) => readonly LineProgramOptions[]) {
    this.#reader = new SlotReader(writer, slots.places);
    this.#programs = programs(this.#reader).map((one) => new LineProgram(this.#reader, one));
  }

  /** How many lines were written of the framed record from `start` up to `end`; LEFT_TO_DECODER, and then nothing was. */
  write(out: LineBuffer, bytes: Buffer, start: number, end: number, place: RecordPlace): number {
    if (!this.#reader.read(bytes, start + FRAME_BYTES, end)) return LEFT_TO_DECODER;
    const { length, lines } = out;
    for (const program of this.#programs) {
      if (program.write(out, place) === LEFT_TO_DECODER) {
        out.rewind(length, lines);
        return LEFT_TO_DECODER;
      }
    }
    return out.lines - lines;
  }
}
