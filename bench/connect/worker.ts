import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { COMPILE_CACHE_DIR } from '../../bin/compile-cache.ts';
import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import { freePorts } from '../../stack/stack.ts';
import { residentMb } from '../processes.ts';
import type { ProcessorTimes } from './processor-times.ts';

/** Each look costs the worker a page of metrics: few of them until the end is near, which is to be seen in time. */
const LOOK_EVERY_MS = 250;
const LOOK_NEAR_END_MS = 20;
const NEAR_END = 0.9;
const READY_MS = 60_000;

export interface WorkerOptions {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly groupId: string;
  readonly nodeFlags: readonly string[];
}

export interface Measured {
  readonly perSecond: number;
  /** Microseconds for each record, by process. */
  readonly processor: Readonly<Record<string, number>>;
}

/** A worker of connectors in a process of its own. */
export class BenchWorker {
  readonly #child: ChildProcess;
  readonly #rest: string;
  readonly #health: string;

  private constructor(child: ChildProcess, restPort: number, healthPort: number) {
    this.#child = child;
    this.#rest = `http://127.0.0.1:${restPort}`;
    this.#health = `http://127.0.0.1:${healthPort}`;
  }

  static async start({ brokers, registryUrl, groupId, nodeFlags }: WorkerOptions): Promise<BenchWorker> {
    const ports = await freePorts();
    const flags = {
      ...{ 'kafka-brokers': brokers.join(), 'registry-url': registryUrl, 'group-id': groupId },
      ...{ 'rest-port': ports.registry, 'health-port': ports.influxdb },
    };
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const env = { NODE_COMPILE_CACHE: COMPILE_CACHE_DIR, ...process.env, ZEELOS_LOG_LEVEL: 'error' };
    const cli = fileURLToPath(new URL('../../bin/zeelos.ts', import.meta.url));
    const child = spawn(process.execPath, [...nodeFlags, cli, 'connect', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    });
    const worker = new BenchWorker(child, ports.registry, ports.influxdb);
    const deadline = performance.now() + READY_MS;
    const isReady = async () => (await fetch(`${worker.#health}/readyz`)).ok;
    while (!(await isReady().catch(() => false))) {
      if (performance.now() > deadline) throw new PlatformError('STACK_START_FAILED', 'the worker is not ready');
      await sleep(100);
    }
    return worker;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async configure(name: string, config: Record<string, string>): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(config);
    const answer = await fetch(`${this.#rest}/connectors/${name}/config`, { method: 'PUT', headers, body });
    if (!answer.ok) throw new PlatformError('CONFIG_INVALID', await answer.text());
  }

  /** Of the records from the first that are seen in the store to the last: joining the group is not part of it. */
  async measureUntil(count: number, times: ProcessorTimes): Promise<Measured> {
    let first: { readonly at: number; readonly stored: number } | undefined;
    for (;;) {
      const stored = await this.#stored();
      const at = performance.now();
      if (first === undefined && stored > 0) {
        first = { at, stored };
        times.begin();
      }
      if (stored >= count && first !== undefined) {
        const records = Math.max(1, stored - first.stored);
        const perSecond = records / Math.max(1e-3, (at - first.at) / 1_000);
        return { perSecond, processor: times.perRecord(records) };
      }
      await sleep(first === undefined || stored > count * NEAR_END ? LOOK_NEAR_END_MS : LOOK_EVERY_MS);
    }
  }

  /** Highest resident memory so far. */
  peakMiB(): number {
    return residentMb(this.pid, 'VmHWM');
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }

  async #stored(): Promise<number> {
    const page = await (await fetch(`${this.#health}/metrics`)).text();
    const lines = page.split('\n').filter((line) => line.startsWith('zeelos_connector_records_written_total{'));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
