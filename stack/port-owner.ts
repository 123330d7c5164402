import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { PlatformError } from '../common/errors.ts';
import { isPortFree } from './ports.ts';

/** TCP state LISTEN in /proc/net/tcp (proc(5)). */
const LISTEN = '0A';

/** Errors: STACK_PORT_BUSY, one error for all ports that are taken, with who holds them where that can be seen. */
export async function assertPortsFree(server: string, ports: readonly number[]): Promise<void> {
  const busy: number[] = [];
  for (const port of ports) if (!(await isPortFree(port))) busy.push(port);
  if (busy.length === 0) return;
  const owners = busy.map(ownerOf);
  const text = busy.map((port, i) => `port ${port} is taken by ${nameOf(owners[i])}`).join(', ');
  throw new PlatformError('STACK_PORT_BUSY', `${server} cannot start: ${text}`, {
    details: { server, ports: busy, pids: owners },
  });
}

function nameOf(pid: number | undefined): string {
  return pid === undefined ? 'another process' : `${readOrEmpty(`/proc/${pid}/comm`).trim()} (pid ${pid})`;
}

/** Undefined when the owner belongs to another user or is gone. */
function ownerOf(port: number): number | undefined {
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port));
  if (inodes.length === 0) return undefined;
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pid = entriesOf('/proc').find((name) => /^\d+$/.test(name) && holdsAny(name, links));
  return pid === undefined ? undefined : Number(pid);
}

function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readOrEmpty(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.filter((row) => row[1]?.endsWith(suffix) && row[3] === LISTEN).flatMap((row) => row[9] ?? []);
}

function holdsAny(pid: string, links: ReadonlySet<string>): boolean {
  return entriesOf(`/proc/${pid}/fd`).some((descriptor) => {
    try {
      return links.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
    } catch {
      return false;
    }
  });
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
