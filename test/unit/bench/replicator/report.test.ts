import assert from 'node:assert/strict';
import { CATCH_UP, IDLE, summary, tables } from '../../../../bench/replicator/report.ts';
import { type Measurement, Results } from '../../../../bench/replicator/results.ts';

function resultsOf(rows: readonly Omit<Measurement, 'repeat' | 'case'>[], name = '1000 records'): Results {
  const results = new Results(undefined);
  results.all.push(...rows.map((row, index) => ({ case: name, ...row, repeat: index + 1 })));
  return results;
}

describe('summary of bench:replicator', () => {
  it('has every key in its order, null where nothing was measured', () => {
    const expected =
      '{"raw":{"ours":null,"mm2":null,"franz":null,"ratio":null},"cpuSecondsPerMillion":{"ours":null,"mm2":null},' +
      '"rssMiB":{"ours":null,"mm2":null},"small":{"ours":null,"mm2":null,"ratio":null,"wanBytesPerRecord":{"ours":null,"mm2":null}},' +
      '"commandMs":{"idleP99":null,"catchUpP99":null},"lost":0,"doubled":0}';
    assert.equal(JSON.stringify(summary(resultsOf([]))), expected);
  });

  it('takes medians of each peer, and the ratio of the medians to MirrorMaker 2', () => {
    const rates = { ours: [900_000, 100_000, 600_000], mm2: [200_000, 200_000, 1_000], franz: [700_000] };
    const rows = (['ours', 'mm2', 'franz'] as const).flatMap((peer) =>
      rates[peer].map((perSecond) => ({ peer, phase: 'raw' as const, perSecond })),
    );
    assert.deepEqual(summary(resultsOf(rows)).raw, { ours: 600_000, mm2: 200_000, franz: 700_000, ratio: 3 });
  });

  it('takes the memory of the case that needs more', () => {
    const rows = [
      { peer: 'ours' as const, phase: 'raw' as const, peakMb: 90 },
      { peer: 'ours' as const, phase: 'small' as const, peakMb: 120 },
      { peer: 'mm2' as const, phase: 'raw' as const, peakMb: 1_000 },
    ];
    assert.deepEqual(summary(resultsOf(rows)).rssMiB, { ours: 120, mm2: 1_000 });
  });

  it('takes bytes per record of the small case, and latencies by what went on meanwhile', () => {
    const results = resultsOf([
      { peer: 'ours', phase: 'wan-raw', wanBytesPerRecord: 212 },
      { peer: 'ours', phase: 'wan-small', wanBytesPerRecord: 5.5 },
      { peer: 'mm2', phase: 'wan-small', wanBytesPerRecord: 19.2 },
    ]);
    for (const [name, p99Ms] of [
      [IDLE, 12],
      [CATCH_UP, 40],
      ['idle, replies up', 99],
    ] as const)
      results.all.push({ peer: 'ours', phase: 'commands', case: name, repeat: 1, p99Ms });
    const { small, commandMs } = summary(results);
    assert.deepEqual(small.wanBytesPerRecord, { ours: 5.5, mm2: 19.2 });
    assert.deepEqual(commandMs, { idleP99: 12, catchUpP99: 40 });
  });

  it('adds up what ours lost and doubled in every measurement, and nothing of the others', () => {
    const rows = [
      { peer: 'ours' as const, phase: 'raw' as const, lost: 2, doubled: 1 },
      { peer: 'ours' as const, phase: 'commands' as const, lost: 3 },
      { peer: 'mm2' as const, phase: 'raw' as const, lost: 7, doubled: 7 },
    ];
    const { lost, doubled } = summary(resultsOf(rows));
    assert.deepEqual({ lost, doubled }, { lost: 5, doubled: 1 });
  });
});

describe('tables of bench:replicator', () => {
  it('have a line for each peer, and only columns that were measured', () => {
    const rows = [
      { peer: 'ours' as const, phase: 'raw' as const, perSecond: 10, lost: 0 },
      { peer: 'ours' as const, phase: 'raw' as const, perSecond: 30, lost: 0 },
      { peer: 'mm2' as const, phase: 'raw' as const, perSecond: 5, lost: 0 },
      { peer: 'franz' as const, phase: 'raw' as const, error: 'it ended' },
    ];
    assert.equal(
      tables(resultsOf(rows)),
      [
        '| raw | case | records/s | lost |',
        '|---|---|---|---|',
        '| ours | 1000 records | 10 / **20** / 30 | 0 |',
        '| mm2 | 1000 records | 5 | 0 |',
        '',
      ].join('\n'),
    );
  });
});
