import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PlatformError } from '../common/errors.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { EXIT } from './command.ts';
import { COMPILE_CACHE_DIR } from './compile-cache.ts';

const COMMAND = fileURLToPath(new URL('./zeelos.ts', import.meta.url));

/** A stop that takes longer ends with SIGKILL: nothing acknowledged is lost by it. */
const STOP_GRACE_MS = 15_000;

/** At start a longer log becomes `<name>.log.1`, in place of the one before. */
const LOG_BYTES = 10 * 2 ** 20;

/** A run that lasted so long was healthy: the next restart comes quickly again. */
const HEALTHY_RUN_MS = 30_000;

export interface ServiceProcessOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly healthPort: number;
  readonly logFolder: string;
  readonly log: Log;
}

/**
 * One service as a child process in a session of its own: the Ctrl-C of a terminal reaches only us, and we stop it in order. It ends
 * by itself when we are gone, since it sees its channel close. An unexpected end is followed by a new start, later each time.
 */
export class ServiceProcess {
  readonly name: string;
  readonly healthPort: number;
  readonly #o: ServiceProcessOptions;
  #child: ChildProcess | undefined;
  #wanted = false;
  #startedAtMs = 0;
  #restarts = 0;
  #gaveUp: number | undefined;

  constructor(options: ServiceProcessOptions) {
    this.name = options.name;
    this.healthPort = options.healthPort;
    this.#o = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Exit code of a run that a new start would not mend (wrong settings); undefined while all is well. */
  get gaveUp(): number | undefined {
    return this.#gaveUp;
  }

  start(): void {
    this.#wanted = true;
    if (this.#child === undefined) this.#spawn();
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (child === undefined) return;
    const ended = endOf(child);
    child.kill('SIGTERM');
    const grace = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await ended;
    clearTimeout(grace);
  }

  /** SIGKILL; it stays down until `start`. */
  async kill(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (child === undefined) return;
    const ended = endOf(child);
    child.kill('SIGKILL');
    await ended;
  }

  /** Resolves when /readyz answers 200. Errors: STACK_START_FAILED when it has given up, or after the timeout. */
  async ready(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    let last = 'it does not answer';
    while (signal?.aborted !== true) {
      if (this.#gaveUp !== undefined) throw this.#notReady(`it ended with exit code ${this.#gaveUp}`);
      if (Date.now() > deadline) throw this.#notReady(`not ready after ${timeoutMs} ms: ${last}`);
      try {
        const response = await fetch(`http://127.0.0.1:${this.healthPort}/readyz`, {
          signal: AbortSignal.timeout(2_000),
        });
        if (response.ok) return;
        last = await response.text();
      } catch {
        // not listening yet
      }
      await sleep(100, signal);
    }
  }

  #notReady(why: string): PlatformError {
    return new PlatformError('STACK_START_FAILED', `${this.name}: ${why}; see ${this.#logFile()}`);
  }

  #logFile(): string {
    return join(this.#o.logFolder, `${this.name}.log`);
  }

  #spawn(): void {
    const output = this.#openLog();
    const child = fork(COMMAND, [...this.#o.args], {
      detached: true,
      execArgv: [],
      // Given with the environment it holds for the first file already.
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE_DIR, ...process.env },
      stdio: ['ignore', output, output, 'ipc'],
    });
    closeSync(output);
    this.#child = child;
    this.#startedAtMs = Date.now();
    child.once('error', (error) =>
      this.#o.log.error({ err: error, service: this.name }, 'a service could not be started'),
    );
    child.once('exit', (code, signalName) => {
      this.#child = undefined;
      void this.#afterEnd(code, signalName);
    });
  }

  async #afterEnd(code: number | null, signalName: NodeJS.Signals | null): Promise<void> {
    if (!this.#wanted) return;
    if (code === EXIT.usage) {
      this.#gaveUp = code;
      this.#o.log.error(
        { service: this.name, log: this.#logFile() },
        'a service has wrong settings and is not started again',
      );
      return;
    }
    if (Date.now() - this.#startedAtMs > HEALTHY_RUN_MS) this.#restarts = 0;
    this.#o.log.warn(
      { service: this.name, code, signal: signalName, log: this.#logFile() },
      'a service ended unexpectedly and is started again',
    );
    await sleep(backoffMs(this.#restarts++));
    if (this.#wanted && this.#child === undefined) this.#spawn();
  }

  #openLog(): number {
    mkdirSync(this.#o.logFolder, { recursive: true });
    const file = this.#logFile();
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size > LOG_BYTES) renameSync(file, `${file}.1`);
    return openSync(file, 'a', 0o640);
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
