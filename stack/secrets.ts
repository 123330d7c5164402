import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PlatformError } from '../common/errors.ts';
import { writeFileAtomically } from './files.ts';

const SECRET_BYTES = 32;

/** The secret in a file of mode 0600, generated when there is none yet. Errors: STACK_START_FAILED when the file is empty. */
export function secretIn(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (!existsSync(path)) writeFileAtomically(path, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, 0o600);
  chmodSync(path, 0o600);
  const secret = readFileSync(path, 'utf8').trim();
  if (secret === '') throw new PlatformError('STACK_START_FAILED', `the secret in ${path} is empty: restore it`);
  return secret;
}
