import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameAssembler, FrameMemory } from '../../../../common/kafka/frame-socket.ts';

function framed(payload: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(payload.length);
  return Buffer.concat([length, payload]);
}

describe('frames of a broker', () => {
  it('come out as they went in, however they were cut', () => {
    const payloads = fc.array(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (given, cuts) => {
        const stream = Buffer.concat(given.map(framed));
        const seen: Buffer[] = [];
        const frames = new FrameAssembler(new FrameMemory(), (frame) => seen.push(frame));
        const buffer = Buffer.alloc(200);
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const count = Math.min(cuts[turn % cuts.length]!, stream.length - at);
          // The same memory for each read, as a socket does it.
          stream.copy(buffer, 0, at, at + count);
          assert.equal(frames.take(buffer, count), true);
          at += count;
        }
        assert.deepEqual(seen, given.map(framed));
      }),
    );
  });

  it('are refused when their length cannot be one', () => {
    const frames = new FrameAssembler(new FrameMemory(), () => assert.fail('there is no frame'));
    assert.equal(frames.take(Buffer.from([0xff, 0xff, 0xff, 0xff, 1]), 5), false);
  });
});

describe('memory of frames', () => {
  const LARGE = 100_000;

  it('is used again once it was given back, and not before', () => {
    const memory = new FrameMemory();
    const first = memory.take(LARGE);
    const second = memory.take(LARGE);
    assert.notEqual(first.buffer, second.buffer);
    memory.give(first.subarray(10, 20));
    assert.equal(memory.take(LARGE + 1).buffer, first.buffer);
    assert.notEqual(memory.take(LARGE).buffer, first.buffer);
  });

  it('takes nothing back twice, nor what it did not lend', () => {
    const memory = new FrameMemory();
    const lent = memory.take(LARGE);
    memory.give(lent);
    memory.give(lent);
    memory.give(Buffer.alloc(LARGE));
    memory.give(memory.take(10));
    assert.equal(memory.take(LARGE).buffer, lent.buffer);
    assert.notEqual(memory.take(LARGE).buffer, lent.buffer);
  });
});
