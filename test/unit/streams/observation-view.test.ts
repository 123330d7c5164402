import assert from 'node:assert/strict';
import { hasCode } from '../../../common/errors.ts';
import { compileSchema, selfContainedSchema } from '../../../schemas/avro-types.ts';
import { FrameEncoder } from '../../../schemas/codec.ts';
import type { AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { ObservationReader } from '../../../streams/observation-reader.ts';
import { CONTENT, ObservationView } from '../../../streams/observation-view.ts';
import { encoder, knowingReader, number, OBSERVE, observe, resource, SCHEMA_ID, single } from './sample.ts';

const T = 1_700_000_000_123;

async function viewed(observation: AvroResponseObserve): Promise<ObservationView> {
  const view = new ObservationView();
  const frame = encoder(OBSERVE).encode(observation);
  (await knowingReader()).read(view, frame, 0, frame.length);
  return view;
}

describe('streams/observation-view', () => {
  it('reads endpoint, path, time and number where they lie', async () => {
    const view = await viewed(number('sensor-ä', -12.5, T));
    assert.deepEqual(
      [view.ep, view.path, view.timestamp, view.content, view.value],
      ['sensor-ä', '/3303/0/5700', T, CONTENT.number, -12.5],
    );
  });

  it('reads integers of any size, the largest as the nearest number', async () => {
    for (const long of [0, -1, 1, 63, 64, -64, -65, 2 ** 31, -(2 ** 40) - 1, Number.MAX_SAFE_INTEGER]) {
      assert.equal((await viewed(observe('e', '/3/0/9', T, single('/3/0/9', { long })))).value, long);
    }
    for (const long of [2n ** 63n - 1n, -(2n ** 63n)]) {
      assert.equal((await viewed(observe('e', '/3/0/9', T, single('/3/0/9', { long })))).value, Number(long));
    }
    assert.equal((await viewed(number('e', 1, -62_135_596_800_000))).timestamp, -62_135_596_800_000);
  });

  it('refuses a time beyond any clock, which no window could be reckoned for', async () => {
    for (const timestamp of [2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const observation = { ...number('e', 1, T), timestamp } as unknown as AvroResponseObserve;
      await assert.rejects(viewed(observation), (error) => hasCode(error, 'AVRO_INVALID'));
    }
  });

  it('tells numbers from other values, groups and answers without a value', async () => {
    const path = '/3303/0/5700';
    const contentOf = async (content: object) => (await viewed(observe('e', path, T, content))).content;
    assert.equal(await contentOf(single(path, { string: 'x' })), CONTENT.other);
    assert.equal(await contentOf(single(path, { boolean: true })), CONTENT.other);
    assert.equal(await contentOf(single(path, { double: Number.NaN })), CONTENT.other);
    assert.equal(await contentOf(single(path, { double: Number.POSITIVE_INFINITY })), CONTENT.other);
    const instance = {
      id: 0,
      kind: 'INSTANCE',
      resources: [resource(1, '/3/0/1', { double: 1 })],
      multipleResources: null,
    };
    assert.equal(await contentOf({ 'io.zeelos.leshan.avro.resource.AvroInstanceResource': instance }), CONTENT.several);
    const failed = { ...number('e', 1, T), rep: { code: 'NOT_FOUND', kind: 'observe', body: null } };
    assert.equal((await viewed(failed as AvroResponseObserve)).content, CONTENT.none);
  });

  it('refuses each record that is cut short or has a byte too many, and keeps nothing that cannot be decoded later', async () => {
    const reader = await knowingReader();
    const view = new ObservationView();
    const frame = encoder(OBSERVE).encode(number('sensor', 1.25, T));
    for (let length = 5; length < frame.length; length++) {
      const cut = Buffer.from(frame.subarray(0, length));
      assert.throws(
        () => reader.read(view, cut, 0, cut.length),
        (error) => hasCode(error, 'AVRO_INVALID'),
        `${length}`,
      );
    }
    const longer = Buffer.concat([frame, Buffer.from([0])]);
    assert.throws(
      () => reader.read(view, longer, 0, longer.length),
      (error) => hasCode(error, 'AVRO_INVALID'),
    );
    for (let length = 0; length < 5; length++)
      assert.throws(
        () => reader.read(view, frame, 0, length),
        (error) => hasCode(error, 'AVRO_FRAME'),
      );
  });

  it('reads the records of an older schema by way of ours', async () => {
    const ours = selfContainedSchema(OBSERVE) as { fields: { name: string }[] };
    const older = { ...ours, fields: ours.fields.filter(({ name }) => name !== 'seq') };
    const reader = new ObservationReader({ schemaById: async (id) => (id === 3 ? older : undefined) });
    const frame = new FrameEncoder<AvroResponseObserve>(compileSchema(older), 3).encode(number('old', 4, T));
    const view = new ObservationView();
    assert.equal(reader.read(view, frame, 0, frame.length), 3);
    await reader.learn(3);
    assert.equal(reader.read(view, frame, 0, frame.length), undefined);
    assert.deepEqual([view.ep, view.value], ['old', 4]);
    assert.equal(reader.decodeFrame(view.copy()).ep, 'old');
    const stranger = Buffer.from(frame);
    stranger.writeUInt32BE(99, 1);
    assert.equal(reader.read(view, stranger, 0, stranger.length), 99);
    await reader.learn(99);
    assert.throws(
      () => reader.read(view, stranger, 0, stranger.length),
      (e) => hasCode(e, 'AVRO_UNKNOWN_SCHEMA'),
    );
  });

  it('copies into memory of its own, and over an earlier copy of the same length', async () => {
    const view = await viewed(number('a', 1, T));
    const first = view.copy();
    assert.equal(first.buffer.byteLength, first.length);
    assert.equal((await viewed(number('b', 2, T))).copy(first), first);
    assert.deepEqual(first, encoder(OBSERVE).encode(number('b', 2, T)));
    const longer = (await viewed(number('longer', 2, T))).copy(first);
    assert.notEqual(longer, first);
    assert.deepEqual(longer, encoder(OBSERVE).encode(number('longer', 2, T)));
  });

  it('keeps a copy that decodes to the whole record', async () => {
    const observation = number('e', 3, T);
    const frame = (await viewed(observation)).copy();
    assert.equal(JSON.stringify((await knowingReader()).decodeFrame(frame)), JSON.stringify(observation));
    assert.equal(frame.readUInt32BE(1), SCHEMA_ID);
  });
});
