import { quoted, tagText } from './line-text.ts';

const FIRST_BYTES = 64 * 1024;

/** Bits of a byte that cannot be copied as it is into a tag, or into a text between quotes; beyond ASCII the decoder says what it means. */
const IN_TAG = 1;
const IN_TEXT = 2;
const SPECIAL = specialBytes();

function specialBytes(): Uint8Array {
  const special = new Uint8Array(256).fill(IN_TAG | IN_TEXT, 0x80);
  for (const character of ', =\n\r\t') special[character.charCodeAt(0)]! |= IN_TAG;
  for (const character of '"\\') special[character.charCodeAt(0)]! |= IN_TEXT;
  return special;
}

const WORD_BYTES = 4;
const QUOTE = 0x22;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NEWLINE = 0x0a;

const BILLION = 1_000_000_000;
/** Decimals that are tried before the number is left to the language; and the numbers of which 15 digits tell all. */
const DECIMALS = 4;
const SCALE = 10 ** DECIMALS;
const FIFTEEN_DIGITS = 1e15;

/** A text that goes into many lines, as it is copied fastest: four bytes at once, the last of which may be none of it. */
export class Piece {
  readonly length: number;
  readonly words: Uint32Array;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    this.length = bytes.length;
    this.words = Uint32Array.from({ length: Math.ceil(bytes.length / WORD_BYTES) }, (_, index) =>
      Buffer.concat([bytes, Buffer.alloc(WORD_BYTES)]).readUInt32LE(index * WORD_BYTES),
    );
  }
}

/** Lines as bytes, in memory that is used again. It writes what line-text.ts does. */
export class LineBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = viewOf(this.#bytes);
  #length = 0;
  lines = 0;

  /** What was written; a view that the next `clear` invalidates. */
  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of memory. */
  get capacity(): number {
    return this.#bytes.length;
  }

  clear(): void {
    this.#length = 0;
    this.lines = 0;
  }

  /** Takes back what was written since the buffer was so long and had so many lines. */
  rewind(length: number, lines: number): void {
    this.#length = length;
    this.lines = lines;
  }

  endLine(): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = NEWLINE;
    this.lines++;
  }

  piece(piece: Piece): void {
    this.#reserve(piece.length + WORD_BYTES);
    this.#length = copyPiece(piece, this.#view, this.#length);
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** The head and a value of a tag from UTF-8; nothing where that is empty. */
  tag(head: Piece, source: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#reserve(head.length + WORD_BYTES + end - start);
    const bytes = this.#bytes;
    let at = copyPiece(head, this.#view, this.#length);
    for (let read = start; read < end; read++) {
      const byte = source[read]!;
      if ((SPECIAL[byte]! & IN_TAG) !== 0) {
        this.piece(head);
        this.text(tagText(source.toString('utf8', start, end)));
        return;
      }
      bytes[at++] = byte;
    }
    this.#length = at;
  }

  /** The head and the value of a field of text from UTF-8. */
  quoted(head: Piece, source: Buffer, start: number, end: number): void {
    this.#reserve(head.length + WORD_BYTES + end - start + 2);
    const bytes = this.#bytes;
    let at = copyPiece(head, this.#view, this.#length);
    bytes[at++] = QUOTE;
    for (let read = start; read < end; read++) {
      const byte = source[read]!;
      if ((SPECIAL[byte]! & IN_TEXT) !== 0) {
        this.piece(head);
        this.text(quoted(source.toString('utf8', start, end)));
        return;
      }
      bytes[at++] = byte;
    }
    bytes[at++] = QUOTE;
    this.#length = at;
  }

  /** As String does it; a finite number. */
  decimal(value: number): void {
    if (Number.isSafeInteger(value)) {
      this.integer(value);
      return;
    }
    // A number of up to 15 digits is the shortest text of the double it stands for, so that is what String would say.
    const scaled = Math.round(value * SCALE);
    const size = Math.abs(scaled);
    if (size === 0 || size >= FIFTEEN_DIGITS || scaled / SCALE !== value) {
      this.text(String(value));
      return;
    }
    const whole = Math.floor(size / SCALE);
    let rest = size - whole * SCALE;
    let digits = DECIMALS;
    for (; rest % 10 === 0; rest /= 10) digits--;
    this.integer(whole, scaled < 0);
    this.#reserve(1);
    this.#bytes[this.#length++] = POINT;
    this.padded(rest, digits);
  }

  /** A safe integer. */
  integer(value: number, isNegative = value < 0): void {
    if (isNegative) {
      this.#reserve(1);
      this.#bytes[this.#length++] = MINUS;
    }
    this.#unsigned(Math.abs(value));
  }

  /** A whole number below a billion, with zeros before it. */
  padded(value: number, digits: number): void {
    this.#reserve(digits);
    const bytes = this.#bytes;
    let left = value | 0;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const tenth = (left / 10) | 0;
      bytes[at] = ZERO + left - tenth * 10;
      left = tenth;
    }
    this.#length += digits;
  }

  #unsigned(value: number): void {
    if (value < BILLION) {
      this.padded(value, digitsOf(value));
      return;
    }
    const high = Math.floor(value / BILLION);
    this.#unsigned(high);
    this.padded(value - high * BILLION, 9);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Up to three bytes behind it are written too. Returns the place behind it. */
function copyPiece({ words, length }: Piece, target: DataView, start: number): number {
  for (let index = 0, at = start; index < words.length; index++, at += WORD_BYTES)
    target.setUint32(at, words[index]!, true);
  return start + length;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}
