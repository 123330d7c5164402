import assert from 'node:assert/strict';
import { avroType } from '../../../schemas/avro-types.ts';
import { FRAME_BYTES, FrameEncoder, schemaIdOf } from '../../../schemas/codec.ts';

const KEY = avroType('io.zeelos.leshan.avro.AvroKey');

describe('schemas/codec', () => {
  it('writes a zero byte, the id in 4 bytes big-endian and the Avro binary', () => {
    const encoder = new FrameEncoder<{ ep: string }>(KEY, 0x01020304);
    // "ab" as an Avro string: length 2 as zigzag varint 04, then its bytes.
    assert.equal(encoder.encode({ ep: 'ab' }).toString('hex'), '000102030404' + '6162');
  });

  it('reads the id back, up to the largest', () => {
    for (const id of [0, 1, 127, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
      assert.equal(schemaIdOf(new FrameEncoder<{ ep: string }>(KEY, id).encode({ ep: '' })), id);
    }
  });

  it('knows what is no frame: too short, or another first byte', () => {
    assert.equal(schemaIdOf(Buffer.from([0, 0, 0, 1])), undefined);
    assert.equal(schemaIdOf(Buffer.alloc(0)), undefined);
    assert.equal(schemaIdOf(Buffer.from([1, 0, 0, 0, 1, 2])), undefined);
    assert.equal(schemaIdOf(Buffer.from('{"json":true}')), undefined);
  });

  it('grows for a record larger than its scratch buffer, and the next small one is whole', () => {
    const encoder = new FrameEncoder<{ ep: string }>(KEY, 7);
    const long = 'x'.repeat(100_000);
    for (const ep of [long, 'a', long + long]) {
      const frame = encoder.encode({ ep });
      const { value, offset } = KEY.decode(frame, FRAME_BYTES) as { value: { ep: string }; offset: number };
      assert.ok(value.ep === ep && offset === frame.length);
    }
  });

  it('gives each record bytes of its own', () => {
    const encoder = new FrameEncoder<{ ep: string }>(KEY, 7);
    const first = encoder.encode({ ep: 'first' });
    const copy = Buffer.from(first);
    encoder.encode({ ep: 'other' });
    assert.deepEqual(first, copy);
  });

  it('throws for a value that does not fit, and still encodes the next', () => {
    const encoder = new FrameEncoder<{ ep: string }>(KEY, 7);
    assert.throws(() => encoder.encode({ ep: 5 } as never));
    assert.equal(encoder.encode({ ep: 'a' }).length, FRAME_BYTES + 2);
  });
});
