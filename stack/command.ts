import { closeSync, openSync, writeSync } from 'node:fs';
import { setPriority } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import { PlatformError } from '../common/errors.ts';
import { signalGroup, startChild } from './child.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to our own environment: the tools find their mirrors and caches by it. */
  readonly env?: Readonly<Record<string, string>>;
  /** All output goes here, appended. */
  readonly logFile: string;
  readonly onOutputLine?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  readonly failure?: 'STACK_FETCH_FAILED' | 'STACK_START_FAILED';
}

const TAIL_LINES = 8;
const MESSAGE_LINES = 3;

/**
 * Runs one step of a fetch, build or preparation to its end; an abort kills it with everything it started. Returns the last lines of its output.
 * Errors: `failure` (STACK_FETCH_FAILED unless said) with the telling lines of the output; the signal's reason when aborted.
 */
export async function runCommand(command: Command): Promise<string[]> {
  const { program, args, logFile, onOutputLine, signal } = command;
  signal?.throwIfAborted();
  const log = openSync(logFile, 'a');
  const output = new OutputEnd();
  try {
    writeSync(log, `$ ${program} ${args.join(' ')}\n`);
    const status = await exitStatus(command, (line) => {
      writeSync(log, `${line}\n`);
      if (line.trim() === '') return;
      output.add(line.trim());
      onOutputLine?.(line.trim());
    });
    signal?.throwIfAborted();
    if (status === 0) return output.tail;
    const text = `${program} ended with ${status}: ${output.telling().join(' | ')} (log: ${logFile})`;
    throw new PlatformError(command.failure ?? 'STACK_FETCH_FAILED', text, { details: { program, status, logFile } });
  } finally {
    closeSync(log);
  }
}

async function exitStatus(command: Command, onLine: (line: string) => void): Promise<number | string> {
  const { program, args, cwd, env, signal } = command;
  const child = startChild(program, args, {
    cwd,
    env: { ...process.env, ...env },
    onParentDeath: 'KILL',
    output: 'pipe',
  });
  const { pid } = child;
  if (pid !== undefined) lowerPriority(pid);
  const onAbort = (): void => {
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  forEachLine(child.stdout, onLine);
  forEachLine(child.stderr, onLine);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, killedBy) => resolve(code ?? killedBy ?? 'an unknown status'));
    });
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Keeps what a failure message needs of an output of any length. */
class OutputEnd {
  readonly tail: string[] = [];
  readonly #errors: string[] = [];

  add(line: string): void {
    this.tail.push(line);
    if (this.tail.length > TAIL_LINES) this.tail.shift();
    if (this.#errors.length < MESSAGE_LINES && /error|fatal|no space left/i.test(line)) this.#errors.push(line);
  }

  telling(): string[] {
    return this.#errors.length > 0 ? this.#errors : this.tail.slice(-MESSAGE_LINES);
  }
}

function forEachLine(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = '';
  const emit = (line: string): void => onLine(stripVTControlCharacters(line));
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) emit(line);
  });
  stream?.on('end', () => {
    if (rest !== '') emit(rest);
  });
}

/** Builds run while servers already work: those go first. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, 10);
  } catch {
    // It has ended already.
  }
}
