import { deepEqual, equal, throws } from 'node:assert/strict';
import fc from 'fast-check';
import { FrameAssembler, MAX_FRAME_BYTES } from '../../../../replicator/wire/frame-assembler.ts';

/** Feeds a stream in pieces, each written where the assembler wants it, as a socket does. */
function feed(assembler: FrameAssembler, stream: Buffer, pieces: readonly number[]): void {
  let at = 0;
  for (let turn = 0; at < stream.length; turn++) {
    const memory = assembler.memory();
    const count = Math.min(pieces[turn % pieces.length]!, memory.length, stream.length - at);
    stream.copy(memory, 0, at, at + count);
    assembler.received(count);
    at += count;
  }
}

function framed(bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const size = Buffer.alloc(4);
      size.writeInt32BE(body.length);
      return [size, body];
    }),
  );
}

function body(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => at * 31 + bytes));
}

describe('frames of a connection', () => {
  it('come out whole and in order, however the bytes arrive', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 4, max: 60 }), fc.integer({ min: 4, max: 300_000 })), {
      maxLength: 12,
    });
    const pieces = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(sizes, pieces, (lengths, cuts) => {
        const bodies = lengths.map(body);
        const frames: Buffer[] = [];
        feed(new FrameAssembler((frame) => frames.push(frame)), framed(bodies), cuts);
        equal(frames.length, bodies.length);
        equal(
          frames.every((frame, index) => frame.equals(bodies[index]!)),
          true,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('are memory of their own: one exact buffer for each large one, filled in place', () => {
    const frames: Buffer[] = [];
    const assembler = new FrameAssembler((frame) => frames.push(frame));
    const bodies = [body(500_000), body(500_000)];
    const memories = new Set<ArrayBufferLike>();
    const stream = framed(bodies);
    for (let at = 0; at < stream.length; ) {
      const memory = assembler.memory();
      memories.add(memory.buffer);
      const count = Math.min(50_000, memory.length, stream.length - at);
      stream.copy(memory, 0, at, at + count);
      assembler.received(count);
      at += count;
    }
    deepEqual(
      frames.map((frame) => frame.buffer.byteLength),
      [500_000, 500_000],
    );
    // The scratch and the two frames: nothing else was written to.
    equal(memories.size, 3);
    equal(
      frames.every((frame) => memories.has(frame.buffer)),
      true,
    );
  });

  for (const size of [
    'ffffffff',
    '00000003',
    '00000000',
    (MAX_FRAME_BYTES + 1).toString(16).padStart(8, '0'),
    '48545450',
  ]) {
    it(`refuses the size 0x${size}`, () => {
      const assembler = new FrameAssembler(() => {});
      throws(() => feed(assembler, Buffer.from(`${size}00`, 'hex'), [1]), { code: 'KAFKA_REFUSED' });
    });
  }
});
