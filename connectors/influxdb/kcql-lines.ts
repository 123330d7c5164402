import type { AvroType } from '../../schemas/avro-types.ts';
import type { Fields } from '../fields/field.ts';
import { fieldsFor, type Transform } from '../fields/transforms.ts';
import { compileStatement, type Mapping, type NamedField, nanosecondsIn, timeOf } from '../kcql/compile.ts';
import { ANY_TOPIC, type Statement } from '../kcql/statement.ts';
import type { SinkRecord, SinkValue } from '../sink.ts';
import { directKcql } from './direct-kcql.ts';
import type { DirectLines } from './direct-lines.ts';
import {
  fieldText,
  type LineMapping,
  measurementText,
  type RecordLines,
  tagText,
  textOf,
  withinUnit,
} from './line-text.ts';

interface CompiledTag {
  /** `,name=` */
  readonly head: string;
  /** Undefined for a constant, which is in `head` whole. */
  readonly field: NamedField['field'] | undefined;
}

interface CompiledLine {
  readonly mapping: Mapping;
  /** By name, as InfluxDB wants them. */
  readonly tags: readonly CompiledTag[];
  readonly fields: readonly { readonly head: string; readonly field: NamedField['field'] }[];
}

/** Makes lines by KCQL, from records of any schema. Statements are compiled once for each schema. */
export class KcqlLines implements LineMapping {
  readonly #byTopic: ReadonlyMap<string, readonly Statement[]>;
  readonly #transforms: readonly Transform[];
  readonly #compiled = new WeakMap<object, Map<string, readonly CompiledLine[]>>();

  constructor(statements: readonly Statement[], transforms: readonly Transform[]) {
    this.#byTopic = Map.groupBy(statements, ({ topic }) => topic);
    this.#transforms = transforms;
  }

  linesOf(record: SinkRecord): RecordLines {
    if (record.from !== 'any') return { lines: [], notFinite: 0 };
    const lines: string[] = [];
    const tally = { notFinite: 0 };
    for (const one of this.#linesFor(record)) {
      const line = lineOf(one, record, tally);
      if (line !== undefined) lines.push(line);
    }
    return { lines, notFinite: tally.notFinite };
  }

  direct(topic: string, from: SinkValue['from'], schema: unknown, writer: AvroType): DirectLines | undefined {
    if (from !== 'any') return undefined;
    return directKcql(
      writer,
      this.#compile(topic, schema).map(({ mapping }) => mapping),
    );
  }

  #linesFor(record: SinkRecord & { from: 'any' }): readonly CompiledLine[] {
    const byTopic = this.#compiled.get(record.schema) ?? new Map<string, readonly CompiledLine[]>();
    if (byTopic.size === 0) this.#compiled.set(record.schema, byTopic);
    let compiled = byTopic.get(record.topic);
    if (compiled === undefined) {
      compiled = this.#compile(record.topic, record.schema.schema);
      byTopic.set(record.topic, compiled);
    }
    return compiled;
  }

  #compile(topic: string, schema: unknown): readonly CompiledLine[] {
    const fields = fieldsFor(schema, this.#transforms);
    const statements = this.#byTopic.get(topic) ?? this.#byTopic.get(ANY_TOPIC) ?? [];
    return statements.map((statement) => compile(statement, fields));
  }
}

function compile(statement: Statement, fields: Fields): CompiledLine {
  const mapping = compileStatement(statement, fields);
  const tags = [
    ...[...mapping.constants].map(([name, value]) => ({
      name,
      head: `,${tagText(name)}=${tagText(value)}`,
      field: undefined,
    })),
    ...mapping.tags.map(({ name, field }) => ({ name, head: `,${tagText(name)}=`, field })),
  ].sort((one, other) => (one.name < other.name ? -1 : 1));
  return { mapping, tags, fields: mapping.fields.map(({ name, field }) => ({ head: `${tagText(name)}=`, field })) };
}

/** Undefined when no field has a value: InfluxDB takes no point without one. */
function lineOf(
  { mapping, tags, fields }: CompiledLine,
  record: SinkRecord & { from: 'any' },
  tally: { notFinite: number },
): string | undefined {
  const { value } = record;
  let values = '';
  for (const { head, field } of fields) {
    const scalar = field.get(value);
    if (scalar === undefined) continue;
    const text = fieldText(scalar, field.kind === 'mixed' ? field.kindOf(value) : field.kind);
    if (text === undefined) tally.notFinite++;
    else values += `${values === '' ? '' : ','}${head}${text}`;
  }
  if (values === '') return undefined;
  const time = nanoseconds(mapping, record);
  let line = measurementText(mapping.target(Number(time / 1_000_000n)));
  for (const { head, field } of tags) {
    if (field === undefined) line += head;
    else {
      const text = textOf(field.get(value));
      // InfluxDB refuses an empty tag; leaving it out means the same to a query.
      if (text !== '') line += head + tagText(text);
    }
  }
  return `${line} ${values} ${time}`;
}

function nanoseconds({ statement, timestamp }: Mapping, record: SinkRecord & { from: 'any' }): bigint {
  const unit = statement.timestampUnit;
  const given = timestamp === undefined ? undefined : timeOf(timestamp.get(record.value), unit);
  // The record's own time, not the clock's: a record that comes again must meet its point.
  const time = given ?? BigInt(Math.trunc(record.timestampMs)) * 1_000_000n;
  const size = given === undefined ? 1_000_000 : Math.min(1_000_000, Number(nanosecondsIn(unit)));
  return time + BigInt(withinUnit(record.partition, record.offset, size));
}
