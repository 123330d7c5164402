import type { AvroType } from '../../schemas/avro-types.ts';
import { SLOT } from '../fields/slot-cursor.ts';
import type { SlotReader } from '../fields/slot-reader.ts';
import { DirectLines } from './direct-lines.ts';
import type { LineBuffer } from './line-buffer.ts';
import { type LineTime, type RecordPlace, SlotTable } from './line-program.ts';
import { withinUnit } from './line-text.ts';
import { OBSERVE_STEP, RESOURCE, RESOURCES, RESPONSE, SUB_MS } from './points.ts';

const VALUE = ['rep', 'body', `${RESPONSE}AvroReadResponseBody`, 'content', `${RESOURCE}AvroResource`, 'value'];

/** Observations of a single resource; those with several values, or none, are left to the decoder. As `linesOf` does it. */
export function directObservations(writer: AvroType): DirectLines {
  const slots = new SlotTable();
  const text = (name: string, ...place: readonly string[]) =>
    ({ slot: slots.slotOf(place), name, kind: 'string' }) as const;
  const tags = [
    { name: 'ep', values: [text('ep', 'ep')] },
    { name: 'kind', values: [text('kind', 'rep', 'kind')] },
    { name: 'path', values: [text('path', 'path')] },
    { name: 'serverId', values: [text('serverId', 'serverId')] },
  ];
  const fields = [
    [text('code', 'rep', 'code')],
    [text('observationId', 'observationId')],
    [text('ticket', 'ticket')],
    [
      { slot: slots.slotOf([...VALUE, 'double']), name: 'value', kind: 'float' },
      { slot: slots.slotOf([...VALUE, 'long']), name: 'value', kind: 'float' },
      { slot: slots.slotOf([...VALUE, 'boolean']), name: 'bvalue', kind: 'boolean' },
      text('svalue', ...VALUE, 'string'),
    ],
  ] as const;
  const time = new ObservationTime(slots.slotOf(['timestamp']), slots.slotOf(['seq', 'long']));
  return new DirectLines(writer, slots, () => [{ measurement: RESOURCES, tags, fields, needsLastField: true, time }]);
}

/** The record's own time, and within its millisecond what keeps two of its values apart. As `nanosecondsWithin` does it. */
class ObservationTime implements LineTime {
  readonly #timestamp: number;
  readonly #seq: number;
  #within = 0;
  ms = 0;

  constructor(timestamp: number, seq: number) {
    this.#timestamp = timestamp;
    this.#seq = seq;
  }

  read({ found }: SlotReader, { partition, offset }: RecordPlace): boolean {
    const { kinds, numbers } = found;
    this.ms = numbers[this.#timestamp]!;
    if (kinds[this.#timestamp] !== SLOT.integer || this.ms <= 0) return false;
    const seq = numbers[this.#seq]!;
    switch (kinds[this.#seq]) {
      case SLOT.empty:
        this.#within = withinUnit(partition, offset, SUB_MS);
        return true;
      case SLOT.integer:
        this.#within = Math.floor(seq / OBSERVE_STEP) % SUB_MS;
        return seq >= 0;
      default:
        return false;
    }
  }

  write(out: LineBuffer): void {
    out.integer(this.ms);
    out.padded(this.#within, 6);
  }
}
