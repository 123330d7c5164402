import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fieldsFor, type Transform } from '../../connectors/fields/transforms.ts';
import { KcqlLines } from '../../connectors/influxdb/kcql-lines.ts';
import { LineBuffer } from '../../connectors/influxdb/line-buffer.ts';
import { LEFT_TO_DECODER } from '../../connectors/influxdb/line-program.ts';
import { RESOURCE_LINES } from '../../connectors/influxdb/line-protocol.ts';
import type { LineMapping } from '../../connectors/influxdb/line-text.ts';
import { type Statement, type Tag, TIMESTAMP_UNITS } from '../../connectors/kcql/statement.ts';
import type { SinkRecord } from '../../connectors/sink.ts';
import { type AvroType, avroType, compileSchema, selfContainedSchema } from '../../schemas/avro-types.ts';
import { FrameEncoder } from '../../schemas/codec.ts';
import type { AvroResource, AvroResponseObserve } from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { anyDouble, anyLong, anyRecordSchema, anyText } from './avro-arbitraries.ts';

const OBSERVATION = TOPICS.observations.value;
const TOPIC = 't';
const RESPONSE = 'io.zeelos.leshan.avro.response.';
const RESOURCE = 'io.zeelos.leshan.avro.resource.';

const anyPlace = fc.record({
  partition: fc.nat({ max: 40 }),
  offset: fc.nat({ max: 2 ** 40 }),
  timestampMs: fc.oneof(fc.constantFrom(-1, 0, 1_790_000_000_123), fc.integer()),
});
type Place = typeof anyPlace extends fc.Arbitrary<infer T> ? T : never;

interface Made {
  /** LEFT_TO_DECODER, or how many. */
  readonly made: number;
  readonly text: string;
}

/** What the mapping makes of bytes that lie among others. */
function fromBytes(
  mapping: LineMapping,
  from: 'observations' | 'any',
  schema: unknown,
  frame: Buffer,
  place: Place,
): Made {
  const direct = mapping.direct!(TOPIC, from, schema, compileSchema(schema))!;
  const out = new LineBuffer();
  const bytes = Buffer.concat([Buffer.from('before'), frame, Buffer.from('behind')]);
  out.text('earlier\n');
  const made = direct.write(out, bytes, 6, 6 + frame.length, place);
  return { made, text: String(out.content).slice('earlier\n'.length) };
}

function fromRecord(
  mapping: LineMapping,
  type: AvroType,
  frame: Buffer,
  place: Place,
  rest: object,
): string | undefined {
  const value = type.decode(frame, 5).value;
  const { partition, offset, timestampMs } = place;
  const record = { ...rest, value, topic: TOPIC, partition, offset: String(offset), timestampMs } as SinkRecord;
  const { lines, notFinite } = mapping.linesOf(record);
  return notFinite > 0 ? undefined : lines.map((line) => `${line}\n`).join('');
}

const anyValue: fc.Arbitrary<AvroResource['value']> = fc.oneof(
  anyDouble.map((double) => ({ double })),
  anyLong.map((long) => ({ long }) as AvroResource['value']),
  fc.boolean().map((boolean) => ({ boolean })),
  anyText.map((string) => ({ string })),
);

const anyObservation = fc
  .record({
    texts: fc.array(anyText, { minLength: 5, maxLength: 5 }),
    timestamp: anyLong,
    value: anyValue,
    body: fc.constantFrom('single', 'single', 'single', 'none', 'message', 'several'),
    code: fc.constantFrom('CONTENT' as const, 'NOT_FOUND' as const),
    seq: fc.option(anyLong),
  })
  .map(({ texts, timestamp, value, body, code, seq }) => {
    const [ticket, observationId, serverId, ep, path] = texts as [string, string, string, string, string];
    const resource = { id: 5700, path: '/3303/0/5700', kind: 'SINGLE_RESOURCE', type: 'FLOAT', value };
    const bodies = {
      none: null,
      message: { [`${RESPONSE}AvroGenericResponse`]: { message: ticket } },
      single: { [`${RESPONSE}AvroReadResponseBody`]: { content: { [`${RESOURCE}AvroResource`]: resource } } },
      several: {
        [`${RESPONSE}AvroReadResponseBody`]: {
          content: {
            [`${RESOURCE}AvroInstanceResource`]: {
              ...{ id: 0, kind: 'INSTANCE', resources: [resource, resource], multipleResources: null },
            },
          },
        },
      },
    };
    const rep = { code, kind: 'observe', body: bodies[body] };
    return {
      ...{ ticket, observationId, serverId, ep, path, timestamp, rep },
      seq: seq === null ? null : { long: seq },
    } as AvroResponseObserve;
  });

/** What is written in place, not left to the decoder: nearly all that devices send. */
function isUsual({ rep, timestamp, seq }: AvroResponseObserve): boolean {
  const body = rep.body as Record<string, { content: Record<string, AvroResource> }> | null;
  const value = body?.[`${RESPONSE}AvroReadResponseBody`]?.content[`${RESOURCE}AvroResource`]?.value;
  if (value === undefined || ('double' in value && !Number.isFinite(value.double))) return false;
  const isSequence = seq == null || (typeof seq.long === 'number' && seq.long >= 0);
  return typeof timestamp === 'number' && timestamp > 0 && isSequence;
}

/** All that a record of the schema offers, with each way to name a time, and transforms before it. */
const anyStatement = fc.record({
  fields: fc.infiniteStream(fc.boolean()),
  tags: fc.infiniteStream(fc.boolean()),
  constant: fc.option(anyText.filter((text) => text !== '')),
  time: fc.nat({ max: 50 }),
  timestampUnit: fc.constantFrom(...TIMESTAMP_UNITS),
  all: fc.boolean(),
  isDated: fc.boolean(),
  sameName: fc.boolean(),
  flatten: fc.boolean(),
  cast: fc.option(fc.constantFrom('float64' as const, 'int32' as const, 'string' as const, 'boolean' as const)),
});
type StatementChoice = typeof anyStatement extends fc.Arbitrary<infer T> ? T : never;

function transformsOf(choice: StatementChoice, schema: unknown): readonly Transform[] {
  if (!choice.flatten) return [];
  const flatten = { kind: 'flatten' as const, delimiter: '_', blacklist: new Set<string>() };
  const names = [...fieldsFor(schema, [flatten]).all().keys()];
  const { cast } = choice;
  return [
    flatten,
    ...(cast === null ? [] : [{ kind: 'cast' as const, spec: new Map(names.slice(0, 2).map((name) => [name, cast])) }]),
  ];
}

function statementOf(choice: StatementChoice, schema: unknown, transforms: readonly Transform[]): Statement {
  const paths = [...fieldsFor(schema, transforms).all().keys()].map((name) =>
    choice.flatten ? [name] : name.split('.'),
  );
  const chosen = (stream: StatementChoice['fields']) => paths.filter(() => stream.next().value === true);
  const fields = chosen(choice.fields).map((path, index) => ({
    path,
    ...(choice.sameName && { alias: `f${index >> 1}` }),
  }));
  const tags: Tag[] = chosen(choice.tags).map((path) => ({ kind: 'field', path }));
  if (choice.constant !== null) tags.push({ kind: 'constant', name: 'a constant', value: choice.constant });
  const time = paths[choice.time];
  return {
    mode: 'INSERT',
    target: [
      { kind: 'text', text: 'm m' },
      ...(choice.isDated ? [{ kind: 'date' as const, parts: ['yyyy' as const] }] : []),
    ],
    all: choice.all,
    ...{ fields, tags, topic: TOPIC, ignored: [], primaryKey: [], timestampUnit: choice.timestampUnit },
    ...(time !== undefined && { timestamp: { kind: 'field', path: time } }),
  };
}

describe('property: lines from the bytes of records', function () {
  this.timeout(120_000);
  const schema = selfContainedSchema(OBSERVATION);
  const type = avroType(OBSERVATION);
  const encoder = new FrameEncoder(type, 7);

  it('are those of decoded observations, and of nearly all of them', () => {
    fc.assert(
      fc.property(anyObservation, anyPlace, (value, place) => {
        const frame = encoder.encode(value);
        const { made, text } = fromBytes(RESOURCE_LINES, 'observations', schema, frame, place);
        if (isUsual(value)) assert.equal(made, 1);
        if (made === LEFT_TO_DECODER) assert.equal(text, '');
        else assert.equal(text, fromRecord(RESOURCE_LINES, type, frame, place, { from: 'observations' }));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are those of decoded records of any schema, by any statement', () => {
    let written = 0;
    const property = fc.property(
      anyRecordSchema().chain((made) =>
        fc.tuple(fc.constant(made), fc.array(made.values, { minLength: 1, maxLength: 4 })),
      ),
      anyStatement,
      anyPlace,
      ([{ schema }, values], choice, place) => {
        const transforms = transformsOf(choice, schema);
        const mapping = new KcqlLines([statementOf(choice, schema, transforms)], transforms);
        const type = compileSchema(schema);
        const encoder = new FrameEncoder(type, 1);
        for (const value of values) {
          const frame = encoder.encode(value as never);
          const { made, text } = fromBytes(mapping, 'any', schema, frame, place);
          const rest = { from: 'any', schema: { id: 1, schema } };
          if (made === LEFT_TO_DECODER) assert.equal(text, '');
          else assert.equal(text, fromRecord(mapping, type, frame, place, rest));
          if (made > 0) written++;
        }
      },
    );
    fc.assert(property, { numRuns: 2_000 });
    assert.ok(written > 500, `only ${written} were written in place`);
  });

  it('are never made of bytes that the decoder refuses or reads otherwise', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });
    fc.assert(
      fc.property(anyObservation, changes, fc.integer({ min: -8, max: 3 }), anyPlace, (value, bytes, more, place) => {
        const whole = encoder.encode(value);
        const frame = Buffer.alloc(Math.max(5, whole.length + more));
        whole.copy(frame);
        for (const [at, byte] of bytes) frame[5 + (at % Math.max(1, frame.length - 5))] = byte;
        const { made, text } = fromBytes(RESOURCE_LINES, 'observations', schema, frame, place);
        if (made === LEFT_TO_DECODER) return;
        // It throws where the bytes are no record.
        const { value: decoded, offset } = type.decode(frame, 5);
        assert.ok(decoded !== undefined && offset === frame.length);
        assert.equal(text, fromRecord(RESOURCE_LINES, type, frame, place, { from: 'observations' }));
      }),
      { numRuns: 5_000 },
    );
  });
});
