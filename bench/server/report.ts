import { spread } from '../spread.ts';
import type { Figure, Results } from './results.ts';
import type { Side } from './servers.ts';
import type { Sizes } from './settings.ts';

interface Compared {
  readonly ours: number | null;
  readonly peer: number | null;
  readonly ratio?: number | null;
}

/** Ours by the peer's. Null where a side was not measured. */
function compared(ours: number | null, peer: number | null): Compared {
  const ratio = ours === null || peer === null || peer === 0 ? null : Number((ours / peer).toFixed(2));
  return { ours, peer, ratio };
}

/** Medians of a run, in one object of a shape that does not change. */
export function summary(results: Results, { notify, non, register, memory, load }: Sizes) {
  const both = (phase: 'notify' | 'register' | 'command', name: string) =>
    compared(results.median('ours', phase, name, 'perSecond', 0), results.median('peer', phase, name, 'perSecond', 0));
  const cpu = (side: Side) => results.median(side, 'notify', '1000', 'cpuPer100k', 2);
  return {
    notificationsPerSecond: Object.fromEntries(notify.devices.map((n) => [String(n), both('notify', String(n))])),
    cpuSecondsPer100k: { ours: cpu('ours'), peer: cpu('peer') },
    nonLostPercent: results.median('ours', 'non', `${non.perSecond}/s`, 'lostPercent', 3),
    registrationsPerSecond: both('register', String(register.devices)),
    rssMiB: {
      devices10k: results.median('ours', 'memory', String(memory.small), 'serverMb'),
      devices100k: results.median('ours', 'memory', String(memory.large), 'serverMb'),
    },
    restart100kSeconds: results.median('ours', 'restart', String(memory.large), 'seconds', 2),
    commandMs: {
      p50: results.median('ours', 'command', 'one at a time', 'p50Ms', 2),
      p99: results.median('ours', 'command', 'one at a time', 'p99Ms', 2),
      p99UnderLoad: results.median('ours', 'loaded', `one at a time, ${load.perSecond} notifications/s`, 'p99Ms', 2),
    },
    commandsPerSecond: both('command', '64 in flight'),
    lost: results.sum('ours', 'lost'),
  };
}

const COLUMNS: readonly (readonly [Figure, string])[] = [
  ['perSecond', 'per second'],
  ['p50Ms', 'p50, ms'],
  ['p99Ms', 'p99, ms'],
  ['cpuPer100k', 'processor s per 100,000'],
  ['serverCpuSeconds', 'processor s'],
  ['brokerCpuSeconds', 'broker processor s'],
  ['serverMb', 'memory, MB'],
  ['serverPeakMb', 'peak, MB'],
  ['brokerMb', 'broker memory, MB'],
  ['seconds', 'seconds'],
  ['growthMb', 'growth, MB'],
  ['lost', 'lost'],
  ['lostPercent', 'lost, %'],
  ['doubled', 'doubled'],
  ['retransmitted', 'retransmitted'],
  ['busyBefore', 'busy before'],
];

/** Every case with least / median / most of its repeats, as a Markdown table for each phase. */
export function tables(results: Results): string {
  const phases = [...new Set(results.all.filter((row) => row.error === undefined).map((row) => row.phase))];
  return phases.map((phase) => table(results, phase)).join('\n');
}

function table(results: Results, phase: Parameters<Results['values']>[1]): string {
  const rows = results.all.filter((row) => row.phase === phase && row.error === undefined);
  const columns = COLUMNS.filter(([figure]) => rows.some((row) => row[figure] !== undefined));
  const cases = [...new Map(rows.map((row) => [`${row.side}, ${row.case}`, row])).values()];
  const lines = cases.map(({ side, case: name }) => {
    const cells = columns.map(([figure]) => spread(results.values(side, phase, name, figure)));
    return `| ${side} | ${name} | ${cells.join(' | ')} |`;
  });
  const head = `| ${phase} | case | ${columns.map(([, title]) => title).join(' | ')} |`;
  return [head, `|${'---|'.repeat(columns.length + 2)}`, ...lines, ''].join('\n');
}
