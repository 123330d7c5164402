import assert from 'node:assert/strict';
import { assertSameRecords, type Dump, history, inTurn, only } from '../../rig/same-records.ts';

/** Records named by letters, in one partition, at offsets from the given one on. */
function dump(letters: string, firstOffset = 0, partition = 0): Dump {
  return new Map([
    [partition, [...letters].map((hash, i) => ({ offset: firstOffset + i, timestamp: hash.toLowerCase(), hash }))],
  ]);
}

function difference(source: Dump, target: Dump, gaps: readonly { from: number; to: number }[] = []): string {
  try {
    assertSameRecords({ source, target, gaps: gaps.map((gap) => ({ partition: 0, ...gap })) });
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
  return 'the same';
}

describe('same records', () => {
  it('finds equal what is equal, whatever its offsets', () => {
    const same = assertSameRecords({ source: dump('abcd'), target: dump('abcd', 100) });
    assert.deepEqual(same, { records: 4, missing: 0, repeated: 0 });
    assert.equal(difference(new Map(), new Map()), 'the same');
  });

  it('finds what is missing inside and at the end', () => {
    assert.match(difference(dump('abcd', 7), dump('ad')), /missing: source offsets 8 to 9 \(2 records\)/);
    assert.match(difference(dump('abcd'), dump('ab')), /missing: the target ends, 2 records/);
    assert.match(difference(dump('abcd'), new Map()), /missing: the target ends, 4 records/);
  });

  it('finds what is doubled, at once or later, and what comes too early', () => {
    assert.match(difference(dump('abcd'), dump('abbcd')), /doubled: source offset 1/);
    assert.match(difference(dump('abcd'), dump('abcdb')), /doubled: source offset 1/);
    assert.match(difference(dump('abcd'), dump('acbd')), /out of order: source offset 2 before 1/);
  });

  it('finds a foreign record, another timestamp, and another partition', () => {
    assert.match(difference(dump('abcd'), dump('abxcd')), /not in the source/);
    const late: Dump = new Map([[0, [{ offset: 0, timestamp: '5', hash: 'a' }]]]);
    assert.match(difference(dump('a'), late), /another timestamp: source offset 0 has a, the copy 5/);
    assert.match(difference(dump('ab'), dump('ab', 0, 1)), /partition 0: missing/);
  });

  it('wants of a gap that all of it and nothing else is missing', () => {
    assert.equal(difference(dump('abcdef'), dump('aef'), [{ from: 1, to: 4 }]), 'the same');
    assert.match(
      difference(dump('abcdef'), dump('adef'), [{ from: 1, to: 4 }]),
      /reported as a gap and yet there: source offset 3/,
    );
    assert.match(difference(dump('abcdef'), dump('af'), [{ from: 1, to: 4 }]), /missing: source offsets 4 to 4/);
  });

  it('counts repeats where they are allowed, and keeps the order of first arrivals', () => {
    const repeats = 'allowed';
    const same = assertSameRecords({ source: dump('abcd'), target: dump('abcbcd'), repeats });
    assert.deepEqual(same, { records: 4, missing: 0, repeated: 2 });
    assert.throws(() => assertSameRecords({ source: dump('abcd'), target: dump('abdcd'), repeats }));
  });

  it('joins what a source held at several times', () => {
    const held = history(dump('abcd'), dump('def', 3));
    assert.equal(difference(held, dump('abcdef')), 'the same');
    const truncated = inTurn(
      dump('abcd'),
      only(dump('abXY'), (offset) => offset >= 2),
    );
    assert.equal(difference(truncated, dump('abcdXY')), 'the same');
  });
});
