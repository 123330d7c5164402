import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '../../common/errors.ts';

const HERE = import.meta.dirname;
const STEP_TIMEOUT_MS = 15 * 60_000;
const LOCK_POLL_MS = 200;
const MAX_TOOL_OUTPUT_BYTES = 16 * 1024 * 1024;
/** The oldest that the pinned packages of requirements.txt run on. */
const MIN_PYTHON_MINOR = 10;
const MIN_JAVA = 17;

/** Where provisioned peers live: `$ZEELOS_CACHE`, else `~/.cache/zeelos`. */
export function peerCacheDir(): string {
  return process.env.ZEELOS_CACHE ?? join(homedir(), '.cache', 'zeelos');
}

export interface ToolResult {
  readonly output: string;
  readonly failed: boolean;
}

/** Runs a tool to its end. @throws STACK_TOOL_MISSING with the apt line when it is not installed */
export async function runTool(
  command: string,
  args: readonly string[],
  packages: string,
  cwd?: string,
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const options = { timeout: STEP_TIMEOUT_MS, maxBuffer: MAX_TOOL_OUTPUT_BYTES, ...(cwd !== undefined && { cwd }) };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error !== null && 'code' in error && error.code === 'ENOENT') reject(toolMissing(command, packages));
      else resolve({ output: `${stdout}${stderr}`, failed: error !== null });
    });
  });
}

export function toolMissing(tool: string, packages: string): PlatformError {
  return new PlatformError('STACK_TOOL_MISSING', `${tool} is missing: apt-get install -y ${packages}`, {
    details: { tool, packages },
  });
}

/** Like `runTool`, for a step that must succeed; its output goes to a log file. @throws STACK_FETCH_FAILED */
async function step(command: string, args: readonly string[], packages: string, logFile: string): Promise<void> {
  const { output, failed } = await runTool(command, args, packages);
  await writeFile(logFile, output);
  if (!failed) return;
  const end = output.trimEnd().split('\n').slice(-5).join('\n');
  throw new PlatformError('STACK_FETCH_FAILED', `${basename(command)} failed, see ${logFile}\n${end}`, {
    details: { logFile },
  });
}

/**
 * Runs `action` while no other process does the same. The lock is a transaction of SQLite, which the kernel drops with
 * the process: a lock of a dead process cannot be left behind. @throws STACK_FETCH_FAILED after `STEP_TIMEOUT_MS`
 */
async function underLock<T>(lockFile: string, action: () => Promise<T>): Promise<T> {
  await mkdir(dirname(lockFile), { recursive: true });
  const lock = new DatabaseSync(lockFile, { timeout: 0 });
  try {
    const deadline = Date.now() + STEP_TIMEOUT_MS;
    while (!tryLock(lock)) {
      if (Date.now() > deadline) {
        throw new PlatformError('STACK_FETCH_FAILED', 'another process has been preparing the peers for too long', {
          details: { lockFile },
        });
      }
      await sleep(LOCK_POLL_MS);
    }
    return await action();
  } finally {
    lock.close();
  }
}

/** SQLITE_BUSY: sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}

/** Makes a folder once: built beside its place and renamed when whole, so that what exists is complete. */
export async function once(folder: string, build: (draft: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder;
  return underLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return folder;
    await removeDrafts(folder);
    const draft = `${folder}.draft-${randomBytes(4).toString('hex')}`;
    await mkdir(draft, { recursive: true });
    await build(draft);
    await rename(draft, folder);
    return folder;
  });
}

/** Drafts of builds that were killed. We hold the lock, so none of them is alive. */
async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(`${basename(folder)}.draft-`)) await rm(join(dirname(folder), name), { recursive: true });
  }
}

export function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}

const PYTHON_PACKAGES = 'python3 python3-venv';

/** @returns the interpreter of an environment with the packages of requirements.txt
 *  @throws STACK_TOOL_MISSING, STACK_FETCH_FAILED */
export async function providePython(): Promise<string> {
  const requirements = join(HERE, 'requirements.txt');
  const { output } = await runTool('python3', ['--version'], PYTHON_PACKAGES);
  const [, major, minor] = /Python (\d+)\.(\d+)/.exec(output) ?? [];
  if (Number(major) !== 3 || Number(minor) < MIN_PYTHON_MINOR) {
    throw toolMissing(`Python 3.${MIN_PYTHON_MINOR} or later`, PYTHON_PACKAGES);
  }
  const name = `venv-${hashOf([await readFile(requirements), output])}`;
  const folder = await once(join(peerCacheDir(), name), (draft) => buildVenv(draft, requirements));
  return join(folder, 'bin', 'python');
}

async function buildVenv(draft: string, requirements: string): Promise<void> {
  const venv = await runTool('python3', ['-m', 'venv', draft], PYTHON_PACKAGES);
  // Debian's python3 has the module but not ensurepip; that comes with python3-venv.
  if (venv.failed) throw toolMissing('the venv module of python3', PYTHON_PACKAGES);
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '-r', requirements];
  await step(join(draft, 'bin', 'python'), pip, PYTHON_PACKAGES, `${draft}.log`);
  await rm(`${draft}.log`);
}

export const JAVA_PACKAGES = 'openjdk-17-jdk-headless maven';

/** @returns the class path of the built Leshan device  @throws STACK_TOOL_MISSING, STACK_FETCH_FAILED */
export async function provideLeshanDevice(): Promise<string> {
  return provideJava('leshan-device', []);
}

/** The two lines of Leshan, and which bindings of the sources each leaves out. */
const LESHAN_LINES = {
  v1: ['-Dleshan.version=1.5.0', '-Dpeer.without=v2'],
  v2: ['-Dleshan.version=2.0.0-M15', '-Dpeer.without=v1'],
} as const;
export type LeshanLine = keyof typeof LESHAN_LINES;

/** @returns the class path of the built Leshan clients  @throws STACK_TOOL_MISSING, STACK_FETCH_FAILED */
export async function provideLeshanClients(line: LeshanLine): Promise<string> {
  return provideJava('leshan-clients', LESHAN_LINES[line]);
}

async function provideJava(project: string, properties: readonly string[]): Promise<string> {
  const sources = join(HERE, project);
  const version = await runTool('javac', ['-version'], JAVA_PACKAGES);
  if (Number(/javac (\d+)/.exec(version.output)?.[1] ?? 0) < MIN_JAVA) {
    throw toolMissing(`javac ${MIN_JAVA} or later`, JAVA_PACKAGES);
  }
  const name = hashOf([...(await contentsOf(sources)), ...properties]);
  const folder = await once(join(peerCacheDir(), 'peers', name), (draft) => buildJava(sources, properties, draft));
  return `${join(folder, 'classes')}:${join(folder, 'lib')}/*`;
}

async function buildJava(sources: string, properties: readonly string[], draft: string): Promise<void> {
  const goals = ['compile', 'dependency:copy-dependencies'];
  const args = ['-q', '-B', '-f', join(sources, 'pom.xml'), `-Dpeer.out=${draft}`, ...properties, ...goals];
  await step('mvn', args, JAVA_PACKAGES, `${draft}.log`);
  await rm(`${draft}.log`);
}

async function contentsOf(folder: string): Promise<(string | Buffer)[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const parts: (string | Buffer)[] = [];
  for (const file of files.sort()) parts.push(relative(folder, file), await readFile(file));
  return parts;
}
