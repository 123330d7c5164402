import assert from 'node:assert/strict';
import { summary } from '../../../../bench/server/report.ts';
import { type Measurement, Results } from '../../../../bench/server/results.ts';
import { SERVER_SETTINGS, sizesOf } from '../../../../bench/server/settings.ts';
import { parseSettings } from '../../../../common/settings.ts';

const SIZES = sizesOf(parseSettings(SERVER_SETTINGS, { args: [], env: {} }).settings);

function resultsOf(rows: readonly Omit<Measurement, 'repeat'>[]): Results {
  const results = new Results(undefined);
  results.all.push(...rows.map((row, index) => ({ ...row, repeat: index + 1 })));
  return results;
}

describe('summary of bench:server', () => {
  it('has every key, null where nothing was measured', () => {
    const nothing = { ours: null, peer: null, ratio: null };
    const expected = {
      notificationsPerSecond: { '100': nothing, '1000': nothing, '2000': nothing },
      cpuSecondsPer100k: { ours: null, peer: null },
      nonLostPercent: null,
      registrationsPerSecond: nothing,
      rssMiB: { devices10k: null, devices100k: null },
      restart100kSeconds: null,
      commandMs: { p50: null, p99: null, p99UnderLoad: null },
      commandsPerSecond: nothing,
      lost: 0,
    };
    assert.equal(JSON.stringify(summary(resultsOf([]), SIZES)), JSON.stringify(expected));
  });

  it('takes medians of each side, and the ratio of the medians', () => {
    const rates = { ours: [90_000, 10_000, 60_000], peer: [40_000, 40_000, 1_000] };
    const rows = (['ours', 'peer'] as const).flatMap((side) =>
      rates[side].map((perSecond) => ({ side, phase: 'notify' as const, case: '1000', perSecond })),
    );
    const { notificationsPerSecond } = summary(resultsOf(rows), SIZES);
    assert.deepEqual(notificationsPerSecond['1000'], { ours: 60_000, peer: 40_000, ratio: 1.5 });
  });

  it('adds up what was lost in all our measurements, and nothing of the peer', () => {
    const rows = [
      { side: 'ours' as const, phase: 'notify' as const, case: '100', lost: 2 },
      { side: 'ours' as const, phase: 'command' as const, case: '64 in flight', lost: 3 },
      { side: 'peer' as const, phase: 'notify' as const, case: '100', lost: 7 },
    ];
    assert.equal(summary(resultsOf(rows), SIZES).lost, 5);
  });
});
