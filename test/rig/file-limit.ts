import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync, statSync } from 'node:fs';

/** File systems give room by blocks, so a full one cuts a file at the end of one. */
const BLOCK_BYTES = 4_096;

/**
 * Makes a disk full for one process, without a file system of its own: the kernel refuses every write behind some bytes more than the
 * named file has now, in any file of the process. Raised again by `unlimitFiles`; a new process has no limit.
 */
export function limitFiles(pid: number, isFull: (path: string) => boolean, moreBytes: number): void {
  const sizes = openFiles(pid)
    .filter(isFull)
    .map((path) => statSync(path).size);
  if (sizes.length === 0) throw new Error('the process has no such file open');
  const limit = Math.ceil((Math.max(...sizes) + moreBytes) / BLOCK_BYTES) * BLOCK_BYTES;
  // The soft limit only: the hard one could not be raised again.
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${limit}:`]);
}

export function unlimitFiles(pid: number): void {
  execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:']);
}

function openFiles(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)];
    } catch {
      return [];
    }
  });
}
