import { cpuSeconds } from '../processes.ts';

/** Processor time of processes over a stretch of work, all their threads. */
export class ProcessorTimes {
  readonly #pids: Readonly<Record<string, number>>;
  #begun: Readonly<Record<string, number>> = {};

  constructor(pids: Readonly<Record<string, number>>) {
    this.#pids = pids;
    this.begin();
  }

  begin(): void {
    this.#begun = this.#now();
  }

  /** Microseconds for each of so many records since `begin`. */
  perRecord(records: number): Readonly<Record<string, number>> {
    const now = Object.entries(this.#now());
    return Object.fromEntries(
      now.map(([name, seconds]) => [name, Number((((seconds - this.#begun[name]!) * 1e6) / records).toFixed(2))]),
    );
  }

  #now(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#pids).map(([name, pid]) => [name, cpuSeconds(pid)]));
  }
}
