import { SCHEMA_FILES } from '../schemas/avro-types.ts';

/** What an observation holds, as far as it was looked into. */
export const CONTENT = { none: 0, number: 1, other: 2, several: 3 } as const;

/**
 * One AvroResponseObserve, read in place as far as an analysis needs it: endpoint, path, time, and the value when it is a single number.
 * The same view is used for one record after another; whoever keeps something copies it.
 */
export class ObservationView {
  bytes: Buffer = Buffer.alloc(0);
  /** The whole framed record. */
  start = 0;
  end = 0;
  epStart = 0;
  epEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  /** Milliseconds since 1970. */
  timestamp = 0;
  content: number = CONTENT.none;
  /** With CONTENT.number; an integer beyond 2^53 is the nearest number. */
  value = Number.NaN;

  get ep(): string {
    return this.bytes.toString('utf8', this.epStart, this.epEnd);
  }

  get path(): string {
    return this.bytes.toString('utf8', this.pathStart, this.pathEnd);
  }

  /**
   * The framed record in memory of its own: a slice of Node's pool would keep all of its 8 KiB.
   * @param into what an earlier copy gave and nobody needs any more; written over when the length is the same
   */
  copy(into?: Buffer): Buffer {
    const length = this.end - this.start;
    const copy = into?.length === length ? into : Buffer.allocUnsafeSlow(length);
    this.bytes.copy(copy, 0, this.start, this.end);
    return copy;
  }

  #at = 0;

  /**
   * @param start of the frame  @param body of the Avro binary behind it
   * @returns false when the bytes cannot be a record of our schema
   */
  read(bytes: Buffer, start: number, body: number, end: number): boolean {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#at = body;
    this.content = CONTENT.none;
    for (let i = 0; i < FIELDS_BEFORE_EP; i++) if (!this.#skipString()) return false;
    if (!this.#skipString()) return false;
    this.epEnd = this.#at;
    this.epStart = this.#stringStart;
    if (!this.#skipString()) return false;
    this.pathEnd = this.#at;
    this.pathStart = this.#stringStart;
    this.timestamp = this.#long();
    if (Math.abs(this.timestamp) > TIME_LIMIT_MS) return false;
    if (!this.#isSymbol(RESPONSE_CODES) || !this.#isSymbol(REQUEST_KINDS)) return false;
    return this.#readBody(this.#long()) && this.#at <= end;
  }

  #stringStart = 0;

  /** A single value is read to the end of the record: what is kept of it can be decoded later. */
  #readBody(branch: number): boolean {
    if (branch === BODY.composite) this.content = CONTENT.several;
    if (branch !== BODY.read) return branch >= 0 && branch < bodies.length;
    const content = this.#long();
    if (content !== SINGLE_RESOURCE) {
      this.content = CONTENT.several;
      return content >= 0 && content < contents.length;
    }
    this.#long();
    if (!this.#skipString() || !this.#isSymbol(RESOURCE_KINDS) || !this.#isSymbol(DATA_TYPES)) return false;
    return this.#readValue(this.#long()) && this.#skipSequence() && this.#at === this.end;
  }

  #readValue(branch: number): boolean {
    this.content = CONTENT.other;
    switch (branch) {
      case VALUE.double:
        if (this.#at + 8 > this.end) return false;
        this.value = this.bytes.readDoubleLE(this.#at);
        this.#at += 8;
        if (Number.isFinite(this.value)) this.content = CONTENT.number;
        return true;
      case VALUE.long:
        this.value = this.#long();
        this.content = CONTENT.number;
        return true;
      case VALUE.boolean:
        return this.bytes[this.#at++]! <= 1;
      default:
        return branch === VALUE.string && this.#skipString();
    }
  }

  /** The last field: nothing, or a long. */
  #skipSequence(): boolean {
    const branch = this.#long();
    if (branch === 1) this.#long();
    return branch === 0 || branch === 1;
  }

  #isSymbol(count: number): boolean {
    const index = this.#long();
    return index >= 0 && index < count;
  }

  #skipString(): boolean {
    const length = this.#long();
    this.#stringStart = this.#at;
    this.#at += length;
    return length >= 0 && this.#at <= this.end;
  }

  /** Avro's int and long: zigzag varints. Enumerations and branches of unions are written the same way. */
  #long(): number {
    const bytes = this.bytes;
    const first = bytes[this.#at++] ?? 0;
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let value = first & 0x7f;
    let byte: number;
    let factor = 0x80;
    do {
      byte = bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * factor;
      factor *= 0x80;
    } while (byte >= 0x80 && factor < LONGEST);
    return (first & 1) === 0 ? value / 2 : -Math.floor(value / 2) - 1;
  }
}

const LONGEST = 2 ** 70;

/** Far beyond any clock, and near enough that windows can still be reckoned with numbers: the year 140,000. */
const TIME_LIMIT_MS = 2 ** 52;

const RESPONSE = 'io.zeelos.leshan.avro.response';
const RESOURCE = 'io.zeelos.leshan.avro.resource';

function branchesOf(record: string, field: string): readonly string[] {
  return SCHEMA_FILES.get(record)!.fields!.find(({ name }) => name === field)!.type as readonly string[];
}

function symbolsOf(enumeration: string): number {
  return SCHEMA_FILES.get(enumeration)!.symbols!.length;
}

/** Places in the unions, enumerations and fields of the schema, taken from its files. */
const bodies = branchesOf(`${RESPONSE}.AvroResponsePayload`, 'body');
const contents = branchesOf(`${RESPONSE}.AvroReadResponseBody`, 'content');
const values = branchesOf(`${RESOURCE}.AvroResource`, 'value');
const BODY = {
  read: bodies.indexOf(`${RESPONSE}.AvroReadResponseBody`),
  composite: bodies.indexOf(`${RESPONSE}.AvroCompositeResponse`),
};
const SINGLE_RESOURCE = contents.indexOf(`${RESOURCE}.AvroResource`);
const VALUE = {
  string: values.indexOf('string'),
  double: values.indexOf('double'),
  long: values.indexOf('long'),
  boolean: values.indexOf('boolean'),
};
const RESPONSE_CODES = symbolsOf(`${RESPONSE}.AvroResponseCode`);
const REQUEST_KINDS = symbolsOf('io.zeelos.leshan.avro.request.AvroRequestKind');
const RESOURCE_KINDS = symbolsOf(`${RESOURCE}.AvroResourceKind`);
const DATA_TYPES = symbolsOf(`${RESOURCE}.AvroType`);
const FIELDS_BEFORE_EP = SCHEMA_FILES.get(`${RESPONSE}.AvroResponseObserve`)!.fields!.findIndex(
  ({ name }) => name === 'ep',
);
