import { readFile } from 'node:fs/promises';
import { PlatformError } from '../common/errors.ts';

/**
 * The secret in a file, without the line end. Read anew at each connect, so that a rotated secret needs no restart.
 * Errors: SINK_UNAVAILABLE (retriable: the file of a stack that is just starting may come later).
 */
export async function readSecret(file: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new PlatformError('SINK_UNAVAILABLE', `the secret file ${file} cannot be read`, { cause });
  }
  if (text === '') throw new PlatformError('SINK_UNAVAILABLE', `the secret file ${file} is empty`);
  return text;
}
