import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { findProgram } from './toolchain.ts';

/** SIGTERM lets a server close its files when its parent dies; what hangs is cleaned at the next start. */
export type DeathSignal = 'TERM' | 'KILL';

export interface ChildOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onParentDeath: DeathSignal;
  /** An open file for stdout and stderr, or `pipe`. */
  readonly output: number | 'pipe';
}

let setpriv: string | false | undefined;

/** util-linux ≥ 2.33 can ask the kernel to signal the child when its parent dies (prctl(2), PR_SET_PDEATHSIG). */
function setprivProgram(): string | false {
  if (setpriv === undefined) {
    const program = findProgram('setpriv');
    const works = program !== undefined && spawnSync(program, ['--pdeathsig', 'KILL', 'true']).status === 0;
    setpriv = works ? program : false;
  }
  return setpriv;
}

/**
 * Starts a program in a session of its own, so that Ctrl-C in the terminal reaches only us and we stop it in order, yet bound to our life.
 * The pid is the program's own: setpriv replaces itself by it.
 */
export function startChild(program: string, args: readonly string[], options: ChildOptions): ChildProcess {
  const { cwd, env, output, onParentDeath } = options;
  const wrapper = setprivProgram();
  const command = wrapper === false ? program : wrapper;
  const commandArgs = wrapper === false ? args : ['--pdeathsig', onParentDeath, '--', program, ...args];
  return spawn(command, commandArgs, { cwd, env, detached: true, stdio: ['ignore', output, output] });
}

/** Signals the child and all it started. The group's number is the child's pid because it leads its own session. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
