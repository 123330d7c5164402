import { PlatformError } from '../../errors.ts';

export function corruptBatch(message: string, cause?: unknown): PlatformError {
  return new PlatformError('RECORD_BATCH_CORRUPT', message, cause === undefined ? {} : { cause });
}
