import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from '../../stack/stack.ts';

const COMMAND = new URL('../../bin/zeelos.ts', import.meta.url).pathname;
const MAX_SAID_CHARS = 32_768;

export interface ReplicatorFlags {
  readonly 'gateway-id': string;
  readonly 'edge-brokers': string;
  readonly 'cloud-brokers': string;
  readonly [flag: string]: string;
}

/** `zeelos replicator` in a process of its own, so that it can be killed. */
export class ReplicatorProcess {
  readonly child: ChildProcess;
  readonly healthUrl: string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** The end of what it has logged, warnings and errors unless ZEELOS_LOG_LEVEL says otherwise. */
  said = '';

  private constructor(child: ChildProcess, healthUrl: string) {
    this.child = child;
    this.healthUrl = healthUrl;
    this.ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-MAX_SAID_CHARS);
      });
    }
  }

  static async spawn(flags: ReplicatorFlags): Promise<ReplicatorProcess> {
    const healthPort = (await freePorts()).registry;
    const args = Object.entries({ ...flags, 'health-port': String(healthPort) }).map(
      ([name, value]) => `--${name}=${value}`,
    );
    const env = { PATH: process.env.PATH, ZEELOS_LOG_LEVEL: process.env.ZEELOS_LOG_LEVEL ?? 'warn' };
    const child = spawn(process.execPath, [COMMAND, 'replicator', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    await once(child, 'spawn');
    return new ReplicatorProcess(child, `http://127.0.0.1:${healthPort}`);
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** SIGTERM; resolves with how it ended. */
  async stop(): Promise<number | string> {
    this.child.kill('SIGTERM');
    return await this.ended;
  }

  async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.healthUrl}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.status === 200;
  }

  async health(path: '/readyz' | '/healthz' | '/flows'): Promise<{ readonly status: number; readonly body: unknown }> {
    const answer = await fetch(`${this.healthUrl}${path}`);
    return { status: answer.status, body: await answer.json() };
  }

  /** The sum of a metric over all series that have these labels; 0 when there is none, or nobody answers. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await fetch(`${this.healthUrl}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    );
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text
      .split('\n')
      .filter((line) => line.split(/[ {]/)[0] === name && wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
