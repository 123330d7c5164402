import { appendFileSync } from 'node:fs';
import { median } from '../processes.ts';
import type { Side } from './servers.ts';
import type { Phase } from './settings.ts';

/** One measurement of one server. What does not apply is left out. */
export interface Measurement {
  readonly side: Side;
  readonly phase: Phase | 'soak';
  readonly case: string;
  readonly repeat: number;
  readonly perSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Processor seconds of the server for 100,000 records. */
  readonly cpuPer100k?: number;
  readonly serverCpuSeconds?: number;
  readonly brokerCpuSeconds?: number;
  readonly fleetCpuSeconds?: number;
  readonly serverMb?: number;
  readonly serverPeakMb?: number;
  readonly brokerMb?: number;
  readonly sent?: number;
  readonly acknowledged?: number;
  readonly inTopic?: number;
  /** Acknowledged or asked for, and not in the topic. */
  readonly lost?: number;
  readonly doubled?: number;
  /** NON that never reached the topic: nobody promised them. */
  readonly lostPercent?: number;
  readonly retransmitted?: number;
  /** Datagrams that the kernel dropped, on the whole machine. */
  readonly droppedByKernel?: number;
  readonly seconds?: number;
  readonly growthMb?: number;
  readonly busyBefore?: number;
  readonly error?: string;
}

export type Figure = Exclude<keyof Measurement, 'side' | 'phase' | 'case' | 'error'>;

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

  values(side: Side, phase: Measurement['phase'], name: string | undefined, figure: Figure): number[] {
    const rows = this.all.filter(
      (row) => row.side === side && row.phase === phase && (name === undefined || row.case === name),
    );
    return rows.map((row) => row[figure]).filter((value) => value !== undefined);
  }

  /** Null when it was not measured. */
  median(side: Side, phase: Measurement['phase'], name: string, figure: Figure, digits = 1): number | null {
    const values = this.values(side, phase, name, figure);
    return values.length === 0 ? null : Number(median(values).toFixed(digits));
  }

  sum(side: Side, figure: Figure): number {
    return this.all.filter((row) => row.side === side).reduce((sum, row) => sum + Number(row[figure] ?? 0), 0);
  }

  get failures(): readonly Measurement[] {
    return this.all.filter((row) => row.error !== undefined);
  }
}
