import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileAtomically } from './files.ts';
import { identityOf, isAlive, type ProcessIdentity, parseIdentity } from './process-identity.ts';

/** SQLITE_BUSY: another holder has the file locked. */
const BUSY = 5;
const POLL_MS = 250;

/** What the holder of a lock tells those who find it taken. */
export interface LockHolder {
  readonly process: ProcessIdentity;
  readonly facts: Readonly<Record<string, string>>;
}

export interface HeldLock {
  /** Tells later comers more about what runs here. */
  describe(facts: Readonly<Record<string, string>>): void;
  release(): void;
}

/**
 * Takes a lock on `path` or returns undefined when it is held, in this process or another. The kernel frees it with its holder, so a killed holder
 * never leaves a stale one: the lock is SQLite's exclusive lock on an empty database; who holds it stands beside it in `<path>.holder.json`.
 */
export function tryLock(path: string): HeldLock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const database = lockDatabase(path);
  if (database === undefined) return undefined;
  const holderFile = `${path}.holder.json`;
  const describe = (facts: Readonly<Record<string, string>>): void => {
    writeFileAtomically(holderFile, JSON.stringify({ process: identityOf(process.pid), facts }), 0o600);
  };
  describe({});
  let held = true;
  return {
    describe,
    release() {
      if (!held) return;
      held = false;
      rmSync(holderFile, { force: true });
      database.close();
    },
  };
}

function lockDatabase(path: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === BUSY) return undefined;
    throw error;
  }
}

/** Who holds the lock; undefined when nobody does or it has not said so yet. */
export function lockHolder(path: string): LockHolder | undefined {
  try {
    const text = JSON.parse(readFileSync(`${path}.holder.json`, 'utf8')) as Record<string, unknown>;
    const holder = parseIdentity(text.process);
    if (holder === undefined || !isAlive(holder)) return undefined;
    return { process: holder, facts: text.facts as Readonly<Record<string, string>> };
  } catch {
    return undefined;
  }
}

/** Waits for the lock. @param onWait called about four times a second with the present holder */
export async function lockOrWait(
  path: string,
  onWait: (holder: LockHolder | undefined) => void,
  signal?: AbortSignal,
): Promise<HeldLock> {
  for (;;) {
    signal?.throwIfAborted();
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    onWait(lockHolder(path));
    await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}
