import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { identityOf, isAlive } from '../../common/process-identity.ts';

/** Beside the topic table: it holds no entry of a gateway, goes nowhere, and must be understood by servers of every version. */
export const claimsTopic = (gatewayId: string): string => `lwm2m.${gatewayId}.claims`;

/** Under which name the broker knows the one server that may write for a gateway. */
export const fenceId = (gatewayId: string): string => `zeelos-lwm2m-server-${gatewayId}`;

/** A day or two of beats; the newest record is never older than the last server. */
export const CLAIMS_TOPIC_SETTINGS = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': String(2 ** 20),
  'segment.bytes': String(2 ** 20),
};

/** Which server serves a gateway. Repeated as long as it runs: a claim without the next beat is one of a server that is gone. */
export interface ServerClaim {
  /** Drawn at each start. */
  readonly instanceId: string;
  readonly host: string;
  readonly pid: number;
  /** Clock ticks after boot; null where /proc is not there. */
  readonly startTicks: string | null;
  /** Which boot of which machine. */
  readonly bootId: string | null;
  /** Containers number their processes each for itself. */
  readonly pidNamespace: string | null;
  /** For people only: clocks differ. */
  readonly startedAt: string;
  readonly beat: number;
  /** The server stopped in order. */
  readonly ended: boolean;
}

/** @param nowMs since 1970 */
export function newClaim(nowMs: number): ServerClaim {
  return {
    instanceId: randomUUID(),
    host: hostname(),
    pid: process.pid,
    startTicks: identityOf(process.pid)?.startTicks ?? null,
    bootId: readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: readOr(() => readlinkSync('/proc/self/ns/pid')),
    startedAt: new Date(nowMs).toISOString(),
    beat: 0,
    ended: false,
  };
}

export function encodeClaim(claim: ServerClaim): Buffer {
  return Buffer.from(JSON.stringify(claim));
}

/** Undefined for what no server wrote. */
export function parseClaim(value: Buffer | null): ServerClaim | undefined {
  let read: Partial<ServerClaim>;
  try {
    read = JSON.parse(String(value)) as Partial<ServerClaim>;
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { instanceId, host, pid, startTicks, bootId, pidNamespace, startedAt, beat, ended } = read;
  if (typeof instanceId !== 'string' || typeof beat !== 'number' || typeof ended !== 'boolean') return undefined;
  return {
    ...{ instanceId, beat, ended },
    host: text(host) ?? '?',
    pid: Number.isSafeInteger(pid) ? pid! : 0,
    startTicks: text(startTicks),
    bootId: text(bootId),
    pidNamespace: text(pidNamespace),
    startedAt: text(startedAt) ?? '?',
  };
}

/**
 * True only when it is certain: the claim was made on this machine since it booted, by a process in our sight that runs no more.
 * @param own a claim of this process
 */
export function isGone(claim: ServerClaim, own: ServerClaim): boolean {
  const { bootId, pidNamespace, pid, startTicks } = claim;
  if (bootId === null || pidNamespace === null || startTicks === null) return false;
  if (bootId !== own.bootId || pidNamespace !== own.pidNamespace) return false;
  return !isAlive({ pid, startTicks });
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function readOr(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}
