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

/** `zeelos request …` as typed in the folder where the system runs, so that it finds its addresses by itself. */
export function zeelosRequest(words: readonly string[], folder: string, signal: AbortSignal): Promise<CommandRun> {
  const options = { cwd: folder, signal, timeout: TIMEOUT_MS, env: { ...process.env, ZEELOS_LOG_LEVEL: 'warn' } };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [COMMAND, 'request', ...words], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') return reject(error);
      resolve({ exitCode: error === null ? 0 : Number(error.code), reply: replyOf(stdout), stdout, stderr });
    });
  });
}

function replyOf(stdout: string): AvroResponse | undefined {
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.length === 1 ? (JSON.parse(lines[0]!) as AvroResponse) : undefined;
}
