import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AvroResponse } from '../../schemas/generated/records.ts';

const COMMAND = fileURLToPath(new URL('../../bin/zeelos.ts', import.meta.url));
const TIMEOUT_MS = 60_000;

export interface CommandRun {
  readonly exitCode: number;
  /** The one line it printed; undefined when it printed none. */
  readonly reply: AvroResponse | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `zeelos status --json` tells of services and connectors. */
export interface StatusRun {
  readonly services: Readonly<Record<string, string>>;
  readonly connectors: Readonly<Record<string, string>> | string;
}

/** `zeelos status --json` as typed in that folder. */
export async function zeelosStatus(folder: string, signal: AbortSignal): Promise<StatusRun> {
  const { stdout } = await run(['status', '--json'], folder, signal);
  return JSON.parse(stdout) as StatusRun;
}

/** `zeelos request …` as typed in the folder where the system runs, so that it finds its addresses by itself. */
export async function zeelosRequest(
  words: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<CommandRun> {
  const ended = await run(['request', ...words], folder, signal);
  return { ...ended, reply: replyOf(ended.stdout) };
}

function run(
  words: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const options = { cwd: folder, signal, timeout: TIMEOUT_MS, env: { ...process.env, ZEELOS_LOG_LEVEL: 'warn' } };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [COMMAND, ...words], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') return reject(error);
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

function replyOf(stdout: string): AvroResponse | undefined {
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.length === 1 ? (JSON.parse(lines[0]!) as AvroResponse) : undefined;
}
