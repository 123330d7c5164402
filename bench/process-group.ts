import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { PlatformError } from '../common/errors.ts';

export interface GroupOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** File for what it prints; without one, stdout is kept and stderr shown. */
  readonly log?: string;
  /** What asks it to end by itself. */
  readonly endSignal?: NodeJS.Signals;
  readonly onStdout?: (text: string) => void;
}

const GRACE_MS = 20_000;
const KEPT_CHARACTERS = 200_000;

/** A program in a process group of its own, so that whatever it starts ends with it and Ctrl-C reaches only us. */
export class ProcessGroup {
  /** Those that run now, oldest first. */
  static readonly running = new Set<ProcessGroup>();

  static #isStopping = false;

  readonly child: ChildProcess;
  /** Exit code, null after a signal; rejects when it could not be started. */
  readonly ended: Promise<number | null>;
  readonly #name: string;
  readonly #endSignal: NodeJS.Signals;
  #stdout = '';

  constructor(command: string, args: readonly string[], options: GroupOptions = {}) {
    if (ProcessGroup.#isStopping) throw new PlatformError('SHUTTING_DOWN', `${command} is not started any more`);
    this.#name = command;
    this.#endSignal = options.endSignal ?? 'SIGTERM';
    const log = options.log === undefined ? undefined : openSync(options.log, 'a');
    this.child = spawn(command, args, {
      detached: true,
      stdio: log === undefined ? ['ignore', 'pipe', 'inherit'] : ['ignore', log, log],
      env: { ...surroundingVariables(), ...options.env },
    });
    if (log !== undefined) closeSync(log);
    ProcessGroup.running.add(this);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-KEPT_CHARACTERS);
      options.onStdout?.(text);
    });
    this.ended = new Promise<number | null>((resolve, reject) => {
      this.child.once('error', (cause) =>
        reject(new PlatformError('STACK_TOOL_MISSING', `${command} cannot be started`, { cause })),
      );
      this.child.once('close', resolve);
    });
    this.ended.catch(() => undefined).finally(() => this.#sweep());
  }

  get pid(): number {
    return this.child.pid!;
  }

  get isRunning(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** What it printed, at most the end of it. */
  get stdout(): string {
    return this.#stdout;
  }

  /** The last line it printed, once it has ended well. */
  async lastLine(): Promise<string> {
    const code = await this.ended;
    if (code !== 0) throw new PlatformError('STACK_START_FAILED', `${this.#name} ended with ${code ?? 'a signal'}`);
    return this.#stdout.trim().split('\n').at(-1) ?? '';
  }

  /** Asks it to end, and after a while ends it with all it started. */
  async stop(signal: NodeJS.Signals = this.#endSignal): Promise<void> {
    if (this.isRunning) this.child.kill(signal);
    const late = setTimeout(() => this.#killAll(), GRACE_MS);
    await this.ended.catch(() => undefined);
    clearTimeout(late);
  }

  #sweep(): void {
    this.#killAll();
    ProcessGroup.running.delete(this);
  }

  #killAll(): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Nobody is left in the group.
    }
  }

  /** Newest first, as they depend on each other; nothing is started from then on. */
  static async stopAll(): Promise<void> {
    ProcessGroup.#isStopping = true;
    for (const group of [...ProcessGroup.running].reverse()) await group.stop();
  }
}

/** A server must not be configured by what stands around the benchmark; a stranger with its prefix even keeps it from starting. */
function surroundingVariables(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('ZEELOS_') || name === 'ZEELOS_CACHE');
  return Object.fromEntries(kept);
}
