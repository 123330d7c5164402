import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../common/log.ts';
import { identityOf, isAlive, type ProcessIdentity, parseIdentity } from './process-identity.ts';
import type { ProgressLine } from './progress.ts';
import { SERVER_NAMES, type ServerName } from './server.ts';

/** How long a server that outlived its parent may take to close its files. */
const GRACE_MS = 8000;
const POLL_MS = 50;

/** The folder of `<server>.json` files that say which process of ours runs what. */
export function pidFolder(dataDir: string): string {
  return join(dataDir, 'run');
}

export function recordPid(dataDir: string, server: ServerName, pid: number): void {
  const identity = identityOf(pid);
  if (identity === undefined) return;
  mkdirSync(pidFolder(dataDir), { recursive: true });
  // Not fsynced: after a crash of the machine none of these processes runs.
  writeFileSync(pidFile(dataDir, server), JSON.stringify(identity), { mode: 0o600 });
}

export function forgetPid(dataDir: string, server: ServerName): void {
  rmSync(pidFile(dataDir, server), { force: true });
}

/** Ends what a killed stack left running in this data folder. Only processes whose pid and start time are those recorded: never a stranger's. */
export async function cleanLeftOvers(
  dataDir: string,
  onProgress: (line: ProgressLine) => void,
  log: Log,
): Promise<void> {
  const startedAtMs = performance.now();
  const clean = async (server: ServerName): Promise<void> => {
    const left = readIdentity(dataDir, server);
    if (left !== undefined && isAlive(left)) {
      log.warn({ server, leftOver: left.pid }, 'a server left by a killed stack still runs: stopping it');
      const elapsedMs = Math.round(performance.now() - startedAtMs);
      onProgress({ server, step: 'clean', state: `stopping process ${left.pid} of a killed run`, elapsedMs });
      await endProcess(left);
    }
    forgetPid(dataDir, server);
  };
  await Promise.all(SERVER_NAMES.map(clean));
}

async function endProcess(identity: ProcessIdentity): Promise<void> {
  signalExactly(identity, 'SIGTERM');
  const deadlineMs = performance.now() + GRACE_MS;
  while (isAlive(identity)) {
    if (performance.now() > deadlineMs) signalExactly(identity, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

function signalExactly(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readIdentity(dataDir: string, server: ServerName): ProcessIdentity | undefined {
  try {
    return parseIdentity(JSON.parse(readFileSync(pidFile(dataDir, server), 'utf8')));
  } catch {
    return undefined;
  }
}

function pidFile(dataDir: string, server: ServerName): string {
  return join(pidFolder(dataDir), `${server}.json`);
}
