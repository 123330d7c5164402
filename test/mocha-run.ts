import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const MOCHA = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

/** A run that lasts longer hangs: it is ended and counts as failed. The longest takes about six minutes. */
const RUN_LIMIT_MS = 20 * 60_000;

/** What is repeated of the failures of one run, so that they stand at the end of a long output too. */
const FAILURES_LIMIT = 8_000;

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** What failed and why, as it was printed; empty when nothing did. */
  readonly failures?: string;
}

/** Files of the test tree by patterns such as `test/unit/**\/*.test.ts`; an empty choice is a fault, not a success. */
export function testFiles(...patterns: readonly string[]): string[] {
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).sort();
  if (files.length === 0) throw new Error(`no test file matches ${patterns.join(', ')}`);
  return files;
}

/** Runs mocha on the files with its own output, and reads the counts from its closing lines. A skipped test counts as failed: here nothing may be left out. */
export async function runMocha(files: readonly string[]): Promise<Counts> {
  const { code, output } = await run(process.execPath, [MOCHA, ...files]);
  const count = (word: string) => Number(new RegExp(`^\\s+(\\d+) ${word}`, 'm').exec(output)?.[1] ?? 0);
  const failed = count('failing') + count('pending');
  const failures = code === 0 ? '' : (output.split(/^\s+\d+ failing$/m)[1] ?? output).slice(0, FAILURES_LIMIT);
  return { passed: count('passing'), failed: failed === 0 && code !== 0 ? 1 : failed, failures };
}

/** Runs a command of one of our dependencies or our own; passed when it ends with 0. */
export async function runStep(name: string, args: readonly string[]): Promise<Counts> {
  process.stdout.write(`\n— ${name}\n`);
  const { code } = await run(process.execPath, args);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, failures: `  ${name}: exit code ${code}\n` };
}

export function sum(counts: readonly Counts[]): Counts {
  return counts.reduce(
    (total, { passed, failed }) => ({ passed: total.passed + passed, failed: total.failed + failed }),
    { passed: 0, failed: 0 },
  );
}

/** The closing line that any reader of a test run understands, and the exit code. */
export function close(counts: readonly Counts[]): void {
  const { passed, failed } = sum(counts);
  for (const { failures } of counts) if (failures) process.stdout.write(`\n— failed${failures.trimEnd()}\n`);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

function run(command: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    const limit = setTimeout(() => {
      process.stdout.write(`\nstill running after ${RUN_LIMIT_MS / 60_000} minutes: ended\n`);
      child.kill('SIGKILL');
    }, RUN_LIMIT_MS);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      process.stdout.write(text);
      output = (output + text).slice(-100_000);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, output });
    });
  });
}
