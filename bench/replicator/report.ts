import { spread } from '../spread.ts';
import type { Figure, Phase, Results } from './results.ts';
import type { PeerName } from './settings.ts';

export const IDLE = 'idle, commands down';
export const CATCH_UP = 'catch-up, commands down';

function ratioOf(ours: number | null, other: number | null): number | null {
  return ours === null || other === null || other === 0 ? null : Number((ours / other).toFixed(2));
}

/** The larger one; null when neither was measured. */
function larger(...values: readonly (number | null)[]): number | null {
  const measured = values.filter((value) => value !== null);
  return measured.length === 0 ? null : Math.max(...measured);
}

/** Medians of a run, in one object of a shape that does not change; null where nothing was measured. */
export function summary(results: Results) {
  const rate = (peer: PeerName, phase: Phase) => results.median(peer, phase, 'perSecond', 0);
  const cpu = (peer: PeerName) => results.median(peer, 'raw', 'cpuSecondsPerMillion', 2);
  const peak = (peer: PeerName, phase: Phase) => results.median(peer, phase, 'peakMb', 1);
  const most = (peer: PeerName) => larger(peak(peer, 'raw'), peak(peer, 'small'));
  const wan = (peer: PeerName) => results.median(peer, 'wan-small', 'wanBytesPerRecord', 1);
  const p99 = (name: string) => results.median('ours', 'commands', 'p99Ms', 2, name);
  const raw = { ours: rate('ours', 'raw'), mm2: rate('mm2', 'raw'), franz: rate('franz', 'raw') };
  const small = { ours: rate('ours', 'small'), mm2: rate('mm2', 'small') };
  return {
    raw: { ...raw, ratio: ratioOf(raw.ours, raw.mm2) },
    cpuSecondsPerMillion: { ours: cpu('ours'), mm2: cpu('mm2') },
    rssMiB: { ours: most('ours'), mm2: most('mm2') },
    small: {
      ...small,
      ratio: ratioOf(small.ours, small.mm2),
      wanBytesPerRecord: { ours: wan('ours'), mm2: wan('mm2') },
    },
    commandMs: { idleP99: p99(IDLE), catchUpP99: p99(CATCH_UP) },
    lost: results.sum('ours', 'lost'),
    doubled: results.sum('ours', 'doubled'),
  };
}

const COLUMNS: readonly (readonly [Figure, string])[] = [
  ['perSecond', 'records/s'],
  ['copySeconds', 'copy, s'],
  ['startSeconds', 'start to first record, s'],
  ['cpuSecondsPerMillion', 'processor s per million'],
  ['cpuSeconds', 'processor s, start included'],
  ['sourceCpuSeconds', 'source broker, processor s'],
  ['targetCpuSeconds', 'target broker, processor s'],
  ['peakMb', 'peak memory, MB'],
  ['wanBytesPerRecord', 'bytes to the target per record'],
  ['wanBackBytesPerRecord', 'bytes back per record'],
  ['count', 'count'],
  ['p50Ms', 'p50, ms'],
  ['p99Ms', 'p99, ms'],
  ['mostMs', 'most, ms'],
  ['lost', 'lost'],
  ['doubled', 'doubled'],
  ['reordered', 'partitions out of order'],
  ['busyBefore', 'busy before'],
];

/** Every case with least / median / most of its repeats, as a Markdown table for each phase. */
export function tables(results: Results): string {
  const phases = [...new Set(results.all.filter((row) => row.error === undefined).map((row) => row.phase))];
  return phases.map((phase) => table(results, phase)).join('\n');
}

function table(results: Results, phase: Phase): string {
  const rows = results.all.filter((row) => row.phase === phase && row.error === undefined);
  const columns = COLUMNS.filter(([figure]) => rows.some((row) => row[figure] !== undefined));
  const cases = [...new Map(rows.map((row) => [`${row.peer}, ${row.case}`, row])).values()];
  const lines = cases.map(({ peer, case: name }) => {
    const cells = columns.map(([figure]) => spread(results.values(peer, phase, name, figure)));
    return `| ${peer} | ${name} | ${cells.join(' | ')} |`;
  });
  const head = `| ${phase} | case | ${columns.map(([, title]) => title).join(' | ')} |`;
  return [head, `|${'---|'.repeat(columns.length + 2)}`, ...lines, ''].join('\n');
}
