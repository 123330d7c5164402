import { appendFileSync } from 'node:fs';
import { median } from '../processes.ts';
import type { PeerName } from './settings.ts';

export type Phase = 'raw' | 'small' | 'wan-raw' | 'wan-small' | 'commands';

/** One measurement of one peer. What does not apply is left out. */
export interface Measurement {
  readonly peer: PeerName;
  readonly phase: Phase;
  readonly case: string;
  readonly repeat: number;
  readonly perSecond?: number;
  /** From the first record in the target's log to the commit of the last. */
  readonly copySeconds?: number;
  /** From the start of the process to the first record in the target's log. */
  readonly startSeconds?: number;
  readonly cpuSecondsPerMillion?: number;
  /** From the start of the process to the last record. */
  readonly cpuSeconds?: number;
  readonly sourceCpuSeconds?: number;
  readonly targetCpuSeconds?: number;
  readonly peakMb?: number;
  /** Bytes to the target's broker by records. */
  readonly wanBytesPerRecord?: number;
  /** Bytes back by records. */
  readonly wanBackBytesPerRecord?: number;
  readonly count?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly mostMs?: number;
  readonly records?: number;
  readonly lost?: number;
  readonly doubled?: number;
  readonly reordered?: number;
  readonly busyBefore?: number;
  readonly error?: string;
}

export type Figure = Exclude<keyof Measurement, 'peer' | 'phase' | 'case' | 'error'>;

/** All measurements of a run. */
export class Results {
  readonly all: Measurement[] = [];
  readonly #out: string | undefined;

  constructor(out: string | undefined) {
    this.#out = out;
  }

  add(measurement: Measurement): void {
    this.all.push(measurement);
    const line = JSON.stringify(measurement);
    process.stderr.write(`${line}\n`);
    if (this.#out !== undefined) appendFileSync(this.#out, `${line}\n`);
  }

  values(peer: PeerName, phase: Phase, name: string | undefined, figure: Figure): number[] {
    const rows = this.all.filter(
      (row) => row.peer === peer && row.phase === phase && (name === undefined || row.case === name),
    );
    return rows.map((row) => row[figure]).filter((value) => value !== undefined);
  }

  /** Null when it was not measured. */
  median(peer: PeerName, phase: Phase, figure: Figure, digits: number, name?: string): number | null {
    const values = this.values(peer, phase, name, figure);
    return values.length === 0 ? null : Number(median(values).toFixed(digits));
  }

  sum(peer: PeerName, figure: Figure): number {
    return this.all.filter((row) => row.peer === peer).reduce((sum, row) => sum + Number(row[figure] ?? 0), 0);
  }

  get failures(): readonly Measurement[] {
    return this.all.filter((row) => row.error !== undefined);
  }
}
