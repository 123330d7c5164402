import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PlatformError } from '../common/errors.ts';

/** Writes a file so that a reader, or a start after a crash, sees the old contents or the new, never half of them. */
export function writeFileAtomically(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.new`;
  const file = openSync(temporary, 'w', mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** Errors: STACK_DISK_FULL. @param purpose ends the sentence "… to" */
export async function assertFreeSpace(folder: string, neededBytes: number, purpose: string): Promise<void> {
  let existing = resolve(folder);
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = await statfs(existing);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  const megabytes = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  const text = `${existing} has ${megabytes(freeBytes)} MB free, ${megabytes(neededBytes)} MB are needed to ${purpose}`;
  throw new PlatformError('STACK_DISK_FULL', text, { details: { folder: existing, freeBytes, neededBytes } });
}
