import assert from 'node:assert/strict';
import { type ErrorCode, PlatformError } from '../../common/errors.ts';

/** Runs `call`; whatever it throws must be a PlatformError with one of the codes. Returns undefined when it threw. */
export function resultOrCode<T>(codes: readonly ErrorCode[], call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    assert.ok(codes.includes(error.code), error.code);
    return undefined;
  }
}
