import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from '../../../stack/stack.ts';
import { eventually } from '../../rig/eventually.ts';

const COMMAND = new URL('../../../bin/zeelos.ts', import.meta.url).pathname;
const MAX_SAID_CHARS = 16_384;
const READY_LIMIT_MS = 60_000;

/** So many ports of loopback, all different and free now. */
export async function ports(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) for (const port of Object.values(await freePorts())) found.add(port as number);
  return [...found].slice(0, count);
}

/** `zeelos <command>` as a process of its own. */
export class Service {
  readonly job: string;
  readonly healthPort: number;
  readonly #child: ChildProcess;
  #said = '';

  /** @param words of the command line  @param flags without those of the health port */
  constructor(words: readonly string[], healthPort: number, flags: Readonly<Record<string, string | number>>) {
    this.job = words.join('-');
    this.healthPort = healthPort;
    const args = Object.entries({ ...flags, 'health-port': healthPort }).map(([name, value]) => `--${name}=${value}`);
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ZEELOS_LOG_LEVEL: 'warn' };
    this.#child = spawn(process.execPath, [COMMAND, ...words, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-MAX_SAID_CHARS);
      });
  }

  async ready(): Promise<void> {
    await eventually(
      `${this.job} is ready`,
      async () => {
        if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}: ${this.#said}`);
        const answer = await fetch(`http://127.0.0.1:${this.healthPort}/readyz`);
        const body = await answer.text();
        if (!answer.ok) throw new Error(`${body} ${this.#said}`);
        return true;
      },
      READY_LIMIT_MS,
    );
  }

  async metrics(): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.healthPort}/metrics`)).text();
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const grace = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(grace);
  }
}
