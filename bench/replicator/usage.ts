import { cpuSeconds } from '../processes.ts';

export interface CpuSample {
  /** Wall clock, as the broker's times are. */
  readonly atMs: number;
  /** Processor seconds since the process began. */
  readonly seconds: number;
}

/** Processor seconds up to a time, between two samples in proportion; the nearest sample outside of them. */
export function secondsAt(samples: readonly CpuSample[], atMs: number): number {
  const after = samples.findIndex((sample) => sample.atMs > atMs);
  if (after === -1) return samples.at(-1)?.seconds ?? 0;
  if (after === 0) return samples[0]!.seconds;
  const [one, other] = [samples[after - 1]!, samples[after]!];
  return one.seconds + ((other.seconds - one.seconds) * (atMs - one.atMs)) / (other.atMs - one.atMs);
}

const EVERY_MS = 100;

/** Watches the processor time of processes, all their threads, until it is stopped or they end. */
export class UsageSampler {
  readonly #samples = new Map<number, CpuSample[]>();
  readonly #timer: NodeJS.Timeout;

  constructor(pids: readonly number[]) {
    for (const pid of pids) this.#samples.set(pid, []);
    this.#timer = setInterval(() => this.#sample(), EVERY_MS);
    this.#sample();
  }

  #sample(): void {
    for (const [pid, samples] of this.#samples) {
      try {
        samples.push({ atMs: Date.now(), seconds: cpuSeconds(pid) });
      } catch {
        // It has ended.
      }
    }
  }

  secondsBetween(pid: number, fromMs: number, toMs: number): number {
    const samples = this.#samples.get(pid) ?? [];
    return Number((secondsAt(samples, toMs) - secondsAt(samples, fromMs)).toFixed(3));
  }

  stop(): void {
    this.#sample();
    clearInterval(this.#timer);
  }
}
