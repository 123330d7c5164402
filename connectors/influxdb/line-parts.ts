import type { Scalar } from '../fields/field.ts';
import type { ScalarKind } from '../fields/shape.ts';
import { SLOT } from '../fields/slot-cursor.ts';
import type { SlotReader } from '../fields/slot-reader.ts';
import { type LineBuffer, Piece } from './line-buffer.ts';
import { fieldText, quoted, tagText, textOf } from './line-text.ts';

/** A value that goes into a line, from one slot. */
export interface LineValue {
  readonly slot: number;
  readonly name: string;
  readonly kind: ScalarKind;
  readonly convert?: ((value: Scalar) => Scalar | undefined) | undefined;
}

/** A tag: a constant, or the first of several values that is there. */
export type LineTag = { readonly name: string } & (
  | { readonly constant: string }
  | { readonly values: readonly LineValue[] }
);

export type TagPart = (out: LineBuffer) => void;

/** What a field wrote. */
export const FIELD = { none: 0, one: 1, notFinite: -1 } as const;

/** @param isFirst of a line: there is no comma before it  @returns one of FIELD */
export type FieldPart = (out: LineBuffer, isFirst: boolean) => number;

const TRUE = new Piece('true');
const FALSE = new Piece('false');
const INTEGER_MARK = new Piece('i');

/** Writes the tag of a record; InfluxDB refuses an empty one, and leaving it out means the same to a query. */
export function tagPart(reader: SlotReader, tag: LineTag): TagPart {
  if ('constant' in tag) {
    const whole = new Piece(`,${tagText(tag.name)}=${tagText(tag.constant)}`);
    return (out) => out.piece(whole);
  }
  const head = `,${tagText(tag.name)}=`;
  const any = anyTag(reader, new Piece(head), tag.values);
  const [only, ...others] = tag.values;
  if (only === undefined || others.length > 0 || only.convert !== undefined) return any;
  return plainTag(reader, head, only.slot, any);
}

/** Of a text or a symbol; anything else goes to `other`. */
function plainTag(reader: SlotReader, head: string, slot: number, other: TagPart): TagPart {
  const { found } = reader;
  const { kinds, numbers, starts, ends } = found;
  const piece = new Piece(head);
  const symbols = reader.symbols[slot]?.map((symbol) => new Piece(head + tagText(symbol)));
  return (out) => {
    const kind = kinds[slot];
    if (kind === SLOT.text) out.tag(piece, found.bytes, starts[slot]!, ends[slot]!);
    else if (kind === SLOT.symbol) out.piece(symbols![numbers[slot]!]!);
    else if (kind !== SLOT.empty) other(out);
  };
}

function anyTag(reader: SlotReader, head: Piece, values: readonly LineValue[]): TagPart {
  return (out) => {
    for (const { slot, convert } of values) {
      const scalar = reader.scalar(slot);
      const value = scalar === undefined || convert === undefined ? scalar : convert(scalar);
      if (value === undefined) continue;
      const text = textOf(value);
      if (text !== '') {
        out.piece(head);
        out.text(tagText(text));
      }
      return;
    }
  };
}

/** Writes the first of the values that the record has. */
export function fieldPart(reader: SlotReader, values: readonly LineValue[]): FieldPart {
  const parts = values.map((value) => valuePart(reader, value));
  const slots = values.map(({ slot }) => slot);
  const { kinds } = reader.found;
  return (out, isFirst) => {
    for (let index = 0; index < slots.length; index++) {
      if (kinds[slots[index]!] === SLOT.empty) continue;
      const made = parts[index]!(out, isFirst);
      if (made !== FIELD.none) return made;
    }
    return FIELD.none;
  };
}

/** Of a slot that is not empty. */
function valuePart(reader: SlotReader, value: LineValue): FieldPart {
  const name = `${tagText(value.name)}=`;
  const first = headedPart(reader, value, name);
  const further = headedPart(reader, value, `,${name}`);
  return (out, isFirst) => (isFirst ? first(out) : further(out));
}

type HeadedPart = (out: LineBuffer) => number;

function headedPart(reader: SlotReader, value: LineValue, headText: string): HeadedPart {
  const { slot, kind } = value;
  const { found } = reader;
  const { kinds, numbers, starts, ends } = found;
  const head = new Piece(headText);
  const symbols = reader.symbols[slot]?.map((symbol) => new Piece(headText + quoted(symbol)));
  const byText = textPart(reader, value, head);
  if (value.convert !== undefined) return byText;
  return (out) => {
    const number = numbers[slot]!;
    switch (kinds[slot]) {
      case SLOT.text:
        out.quoted(head, found.bytes, starts[slot]!, ends[slot]!);
        return FIELD.one;
      case SLOT.symbol:
        out.piece(symbols![number]!);
        return FIELD.one;
      case SLOT.float:
        if (!Number.isFinite(number)) return FIELD.notFinite;
        out.piece(head);
        out.decimal(number);
        return FIELD.one;
      case SLOT.integer:
        out.piece(head);
        out.integer(number);
        if (kind === 'integer') out.piece(INTEGER_MARK);
        return FIELD.one;
      case SLOT.boolean:
        out.piece(head);
        out.piece(number === 1 ? TRUE : FALSE);
        return FIELD.one;
      default:
        return byText(out);
    }
  };
}

function textPart(reader: SlotReader, { slot, kind, convert }: LineValue, head: Piece): HeadedPart {
  return (out) => {
    const scalar = reader.scalar(slot)!;
    // Where an integer stands for a float nothing casts it: it is a float to InfluxDB, and written like one.
    const plain = kind === 'float' && typeof scalar === 'bigint' ? Number(scalar) : scalar;
    const value = convert === undefined ? plain : convert(scalar);
    if (value === undefined) return FIELD.none;
    const text = fieldText(value, kind);
    if (text === undefined) return FIELD.notFinite;
    out.piece(head);
    out.text(text);
    return FIELD.one;
  };
}
