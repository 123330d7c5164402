import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalGroup, startChild } from './child.ts';
import type { Launch } from './server.ts';

/** Only what programs need to run: settings meant for others (KAFKA_*, INFLUXD_*, QUARKUS_*) and secrets of ours stay out. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'JAVA_HOME', 'LD_LIBRARY_PATH'];

/** One run of one server, from its spawn to its end. */
export class ServerProcess {
  readonly pid: number | undefined;
  /** Resolves with how it ended: `exit code 1`, `SIGKILL`, or why it could not be started. Never rejects. */
  readonly ended: Promise<string>;
  #isRunning = true;

  constructor(launch: Launch, cwd: string, logFile: string) {
    const inherited = INHERITED.filter((name) => process.env[name] !== undefined).map((name) => [
      name,
      process.env[name],
    ]);
    const env = { ...Object.fromEntries(inherited), ...launch.env };
    const log = openSync(logFile, 'a', 0o600);
    let child: ChildProcess;
    try {
      // SIGTERM when we die: a server still closes its files; what hangs is cleaned at the next start.
      child = startChild(launch.program, launch.args, { cwd, env, onParentDeath: 'TERM', output: log });
    } finally {
      closeSync(log);
    }
    this.pid = child.pid;
    this.ended = howItEnds(child).finally(() => {
      this.#isRunning = false;
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Does nothing once it has ended: the pid may be another's by then. */
  signal(signal: NodeJS.Signals): void {
    if (this.#isRunning && this.pid !== undefined) signalGroup(this.pid, signal);
  }

  /** SIGTERM, then SIGKILL after the grace. True when it ended by itself. */
  async stop(graceMs: number): Promise<boolean> {
    this.signal('SIGTERM');
    const timer = new AbortController();
    const late = sleep(graceMs, false, { signal: timer.signal }).catch(() => false);
    const inTime = await Promise.race([this.ended.then(() => true), late]);
    timer.abort();
    if (!inTime) this.signal('SIGKILL');
    await this.ended;
    return inTime;
  }
}

async function howItEnds(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal ?? `exit code ${code}`;
  } catch (error) {
    return (error as Error).message;
  }
}
