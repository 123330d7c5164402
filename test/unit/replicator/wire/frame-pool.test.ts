import { equal, notEqual } from 'node:assert/strict';
import { FrameAssembler } from '../../../../replicator/wire/frame-assembler.ts';
import { FramePool } from '../../../../replicator/wire/frame-pool.ts';

const MIB = 2 ** 20;

describe('memory of answers', () => {
  it('is used again once it was released, for answers of about its size', () => {
    const pool = new FramePool({ limitBytes: 8 * MIB });
    const first = pool.take(MIB + 1);
    equal(first.length, MIB + 1);
    notEqual(pool.take(MIB).buffer, first.buffer);
    pool.release(first.subarray(500, 600));
    equal(pool.keptBytes, MIB + 256 * 1024);
    notEqual(pool.take(2 * MIB).buffer, first.buffer);
    notEqual(pool.take(100_000).buffer, first.buffer);
    const again = pool.take(MIB);
    equal(again.buffer, first.buffer);
    equal(again.length, MIB);
    equal(pool.keptBytes, 0);
  });

  it('is handed out once, however often it was released', () => {
    const pool = new FramePool({ limitBytes: 8 * MIB });
    const first = pool.take(MIB);
    pool.release(first);
    pool.release(first);
    notEqual(pool.take(MIB).buffer, pool.take(MIB).buffer);
  });

  it('is not kept beyond the limit', () => {
    const pool = new FramePool({ limitBytes: 3 * MIB });
    const taken = [1, 2, 3, 4].map(() => pool.take(MIB));
    for (const one of taken) pool.release(one);
    equal(pool.keptBytes, 3 * MIB);
  });

  it('is never that of another part of the process', () => {
    const pool = new FramePool({ limitBytes: 8 * MIB });
    pool.release(Buffer.allocUnsafe(100));
    pool.release(Buffer.allocUnsafeSlow(MIB - 1));
    pool.release(Buffer.alloc(0));
    equal(pool.keptBytes, 0);
  });

  it('holds what comes, byte by byte, also the second time', () => {
    const pool = new FramePool({ limitBytes: 8 * MIB });
    const frames: Buffer[] = [];
    const assembler = new FrameAssembler((frame) => frames.push(frame), pool);
    for (const fill of [1, 2]) {
      const stream = Buffer.alloc(200_004, fill);
      stream.writeInt32BE(200_000, 0);
      for (let at = 0; at < stream.length; ) {
        const memory = assembler.memory();
        const count = Math.min(memory.length, 70_000, stream.length - at);
        stream.copy(memory, 0, at, at + count);
        assembler.received(count);
        at += count;
      }
      equal(frames.at(-1)!.equals(Buffer.alloc(200_000, fill)), true);
      pool.release(frames.at(-1)!);
    }
    equal(frames[0]!.buffer, frames[1]!.buffer);
  });
});
