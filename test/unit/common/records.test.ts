import assert from 'node:assert/strict';
import { hasCode, PlatformError } from '../../../common/errors.ts';
import { encodeChecked, encoderFor, RecordReader } from '../../../common/records.ts';
import type { SchemaSnapshot, SchemaSource } from '../../../common/schema-registry.ts';
import { compileSchema, selfContainedSchema } from '../../../schemas/avro-types.ts';
import { FRAME_BYTES, FrameEncoder } from '../../../schemas/codec.ts';

const KEY = 'io.zeelos.leshan.avro.AvroKey';
const REQUEST = 'io.zeelos.leshan.avro.request.AvroRequest';
const snapshot: SchemaSnapshot = { gatewayId: 'gw1', subjects: { 't-key': 7 }, schemas: {} };

/** A source that counts how often it is asked. */
function sourceOf(schemas: Record<number, unknown>): SchemaSource & { asked: number } {
  return {
    asked: 0,
    async schemaById(id) {
      this.asked++;
      return schemas[id];
    },
  };
}

const coded = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);

describe('common/records', () => {
  it('encodes under the id that the snapshot gives the subject', () => {
    const encoder = encoderFor(snapshot, 't-key', KEY);
    assert.equal(encoder.encode({ ep: 'a' }).readUInt32BE(1), 7);
    assert.throws(() => encoderFor(snapshot, 'other-key', KEY), coded('REGISTRY_NOT_ENROLLED'));
    assert.throws(() => encodeChecked(encoder, { ep: 1 } as never), coded('AVRO_INVALID'));
  });

  it('reads a record back and asks for each schema once', async () => {
    const source = sourceOf({ 7: selfContainedSchema(KEY) });
    const reader = new RecordReader<{ ep: string }>(source, KEY);
    const frame = encoderFor(snapshot, 't-key', KEY).encode({ ep: 'dev' });
    for (let i = 0; i < 3; i++) assert.equal((await reader.decode(frame)).ep, 'dev');
    assert.equal((await reader.decode(new Uint8Array(frame))).ep, 'dev');
    assert.equal(source.asked, 1);
  });

  it('reads older and newer writers: what the older did not know is absent, what ours know of the newer is there', async () => {
    const ours = selfContainedSchema(REQUEST) as { fields: { name: string }[] };
    const older = { ...ours, fields: ours.fields.slice(0, 4) };
    const newer = { ...ours, fields: [...ours.fields, { name: 'later', type: 'string', default: '' }] };
    const reader = new RecordReader<Record<string, unknown>>(sourceOf({ 1: older, 2: newer }), REQUEST);
    const request = {
      serverId: 's',
      ep: 'e',
      ticket: 't',
      payload: { kind: 'read', path: '/3', contentFormat: 'TLV', body: null },
    };
    const all = { ...request, expiresAt: null, timeoutMs: { long: 5 }, requestedBy: null };
    const fromOlder = await reader.decode(new FrameEncoder<unknown>(compileSchema(older), 1).encode(request));
    assert.deepEqual([fromOlder.ticket, fromOlder.expiresAt], ['t', undefined]);
    const frame = new FrameEncoder<unknown>(compileSchema(newer), 2).encode({ ...all, later: 'x' });
    const fromNewer = await reader.decode(frame);
    assert.deepEqual([fromNewer.ticket, { ...(fromNewer.timeoutMs as object) }], ['t', { long: 5 }]);
  });

  it('has a coded error for every kind of bad record', async () => {
    const schemas = {
      7: selfContainedSchema(KEY),
      8: 'int',
      9: { type: 'no such type' },
      10: selfContainedSchema(REQUEST),
    };
    const reader = new RecordReader(sourceOf(schemas), KEY);
    const good = encoderFor(snapshot, 't-key', KEY).encode({ ep: 'dev' });
    const withId = (id: number) => {
      const bytes = Buffer.from(good);
      bytes.writeUInt32BE(id, 1);
      return bytes;
    };
    const cases: [Uint8Array, Parameters<typeof hasCode>[1]][] = [
      [Buffer.alloc(0), 'AVRO_FRAME'],
      [Buffer.from([1, 0, 0, 0, 7, 0]), 'AVRO_FRAME'],
      [withId(99), 'AVRO_UNKNOWN_SCHEMA'],
      [good.subarray(0, FRAME_BYTES), 'AVRO_INVALID'],
      [good.subarray(0, good.length - 1), 'AVRO_INVALID'],
      [Buffer.concat([good, Buffer.from([0])]), 'AVRO_INVALID'],
      [withId(8), 'AVRO_INVALID'],
      [withId(9), 'AVRO_INVALID'],
      [withId(10), 'AVRO_INVALID'],
    ];
    for (const [bytes, code] of cases) {
      await assert.rejects(reader.decode(bytes), coded(code), `${code} for ${Buffer.from(bytes).toString('hex')}`);
    }
    assert.equal(((await reader.decode(good)) as { ep: string }).ep, 'dev');
  });

  it('does not remember that a registry was away', async () => {
    let away = true;
    const source: SchemaSource = {
      async schemaById() {
        if (away) throw new PlatformError('REGISTRY_UNAVAILABLE', 'away');
        return selfContainedSchema(KEY);
      },
    };
    const reader = new RecordReader<{ ep: string }>(source, KEY);
    const frame = encoderFor(snapshot, 't-key', KEY).encode({ ep: 'dev' });
    await assert.rejects(reader.decode(frame), coded('REGISTRY_UNAVAILABLE'));
    away = false;
    assert.equal((await reader.decode(frame)).ep, 'dev');
  });
});
