import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { COMPILE_CACHE_DIR } from '../bin/compile-cache.ts';

/** Linux counts processor time in hundredths of a second for every program (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system seconds of a process so far, all threads. */
export function cpuSeconds(pid: number): number {
  const fields = afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Fields of /proc/<pid>/stat from the third on: the second, the name, may hold blanks. */
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Resident memory now, its parts, or its highest so far, in MB of 2^20 bytes. */
export function residentMb(pid: number, kind: 'VmRSS' | 'RssAnon' | 'RssFile' | 'VmHWM' = 'VmRSS'): number {
  const kilobytes = new RegExp(`${kind}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number((Number(kilobytes) / 1024).toFixed(1));
}

export interface Memory {
  readonly residentMb: number;
  /** RssAnon: what the process has for itself. */
  readonly privateMb: number;
  /** RssFile: pages of program files; processes of one program share them. */
  readonly programMb: number;
  readonly peakMb: number;
}

export function memoryOf(pid: number): Memory {
  return {
    residentMb: residentMb(pid),
    privateMb: residentMb(pid, 'RssAnon'),
    programMb: residentMb(pid, 'RssFile'),
    peakMb: residentMb(pid, 'VmHWM'),
  };
}

/** Busy and total seconds of all cores so far. */
function machineSeconds(): { readonly busy: number; readonly total: number } {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!;
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { total: total / TICKS_PER_SECOND, busy: (total - ticks[3]! - ticks[4]!) / TICKS_PER_SECOND };
}

/** Share of all cores that is in use, over one second. */
export async function machineBusy(): Promise<number> {
  const before = machineSeconds();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const after = machineSeconds();
  return (after.busy - before.busy) / Math.max(1e-9, after.total - before.total);
}

export interface Calm {
  readonly busyBefore: number;
  readonly load: number;
}

/** Waits until others use little of the machine, `attempts` seconds at most; the share that was seen last belongs beside every figure. */
export async function calm(attempts = 15, mostBusy = 0.15): Promise<Calm> {
  let busy = 1;
  for (let attempt = 0; attempt < attempts && busy > mostBusy; attempt++) busy = await machineBusy();
  return { busyBefore: Number(busy.toFixed(3)), load: Number(loadavg()[0]!.toFixed(2)) };
}

/** Starts a program of the benchmark as `zeelos up` starts a service, with sources compiled before; its errors are shown, its last line on stdout is its result. */
export class Program {
  readonly child: ChildProcess;
  readonly result: Promise<string>;

  constructor(command: string, args: readonly string[], cwd: string = process.cwd()) {
    const env = { NODE_COMPILE_CACHE: COMPILE_CACHE_DIR, ...process.env };
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd, env });
    let output = '';
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    this.result = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code) =>
        code === 0
          ? resolve(output.trim().split('\n').at(-1) ?? '')
          : reject(new Error(`${command} ended with ${code ?? 'a signal'}`)),
      );
    });
    this.result.catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid!;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    await this.result.catch(() => undefined);
  }
}

/** Middle one of the values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
