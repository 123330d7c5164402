import { readFileSync } from 'node:fs';
import { identityOf, isAlive, type ProcessIdentity } from '../common/process-identity.ts';

export { identityOf, isAlive, type ProcessIdentity };

/** Resident memory of a process in bytes; 0 when it does not run. */
export function residentBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Reads an identity that was written as JSON; undefined when the value is anything else. */
export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, startTicks } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(pid) || (pid as number) <= 1 || typeof startTicks !== 'string') return undefined;
  return { pid: pid as number, startTicks };
}
