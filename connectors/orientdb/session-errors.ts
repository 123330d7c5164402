import { messageOf, PlatformError } from '../../common/errors.ts';

/** A syntax error lists every keyword of the language. */
const REASON_CHARACTERS = 300;

/** The server cannot be used now, or its answer cannot be read. */
export function unavailable(cause: unknown): PlatformError {
  if (cause instanceof PlatformError && cause.code === 'SINK_UNAVAILABLE') return cause;
  return new PlatformError('SINK_UNAVAILABLE', `OrientDB: ${messageOf(cause)}`, { cause });
}

/** Java exceptions that say something of the server's state or of concurrent writers, not of the record. */
const PASSING = new Set([
  'OConcurrentModificationException',
  'ORecordDuplicatedException',
  'ORecordNotFoundException',
  'OTokenSecurityException',
  'OSecurityAccessException',
  'OSecurityException',
  'OStorageDoesNotExistException',
  'OStorageException',
  'OStorageExistsException',
  'ODatabaseException',
  'OOfflineNodeException',
  'OModificationOperationProhibitedException',
  'OLowDiskSpaceException',
  'OReadCacheException',
  'OLockException',
  'OTimeoutException',
  'OInterruptedException',
  'OIOException',
  'IOException',
  'OutOfMemoryError',
  'InterruptedException',
]);
/** Two writers met: the same work succeeds when it looks again. */
const CONFLICTS = new Set([
  'OConcurrentModificationException',
  'ORecordDuplicatedException',
  'ORecordNotFoundException',
]);

/** A full disk is the usual cause. Room alone does not mend it. */
const AFTER_A_FAILED_WRITE =
  ' (after a failed write OrientDB takes no others: see its log, make room on its disk, start it anew)';

interface DriverError {
  readonly type?: string;
  readonly message?: string;
}

/** From what orientjs rejects with. */
export function orientError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const type = (error as DriverError).type?.split('.').at(-1);
  if (type === undefined) return unavailable(error);
  const code = PASSING.has(type) ? 'SINK_UNAVAILABLE' : 'SINK_REFUSED';
  const hint = type === 'OStorageException' ? AFTER_A_FAILED_WRITE : '';
  const message = `OrientDB: ${type}: ${messageOf(error).slice(0, REASON_CHARACTERS)}${hint}`;
  return new PlatformError(code, message, { details: { exception: type } });
}

/** True when another writer was in the way. */
export function isConflict(error: unknown): boolean {
  return error instanceof PlatformError && CONFLICTS.has(String(error.details.exception));
}
