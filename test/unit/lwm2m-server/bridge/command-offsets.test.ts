import assert from 'node:assert/strict';
import { CommandOffsets } from '../../../../lwm2m-server/bridge/command-offsets.ts';

describe('lwm2m-server/bridge/command-offsets', () => {
  it('may be committed up to the first that is not settled', () => {
    const offsets = new CommandOffsets();
    assert.equal(offsets.committable(), undefined);
    const [a, b, c] = [5, 6, 9].map((offset) => offsets.take(offset, 0)!);
    assert.equal(offsets.committable(), 5);
    b!.settled = true;
    assert.equal(offsets.committable(), 5);
    a!.settled = true;
    assert.equal(offsets.committable(), 9, 'a gap in the offsets holds nothing');
    assert.equal(offsets.size, 1);
    c!.settled = true;
    assert.equal(offsets.committable(), 10);
    assert.equal(offsets.size, 0);
  });

  it('names those that are not settled, oldest first', () => {
    const offsets = new CommandOffsets();
    const held = Array.from({ length: 5 }, (_, offset) => offsets.take(offset, 0)!);
    held[1]!.settled = true;
    held[4]!.settled = true;
    assert.deepEqual(
      [...offsets.unsettled()].map(({ offset }) => offset),
      [0, 2, 3],
    );
  });

  it('says when the records come again', () => {
    const offsets = new CommandOffsets();
    offsets.take(3, 0);
    assert.equal(offsets.take(3, 0), undefined);
    assert.equal(offsets.take(1, 0), undefined);
    assert.equal(offsets.take(4, 0)!.offset, 4);
  });

  it('does not grow by what is settled', () => {
    const offsets = new CommandOffsets();
    for (let offset = 0; offset < 100_000; offset++) {
      offsets.take(offset, 0)!.settled = true;
      if (offset % 700 === 0) assert.equal(offsets.committable(), offset + 1);
    }
    assert.equal(offsets.size, 0);
    assert.equal(offsets.committable(), 100_000);
  });
});
