import { PlatformError } from '../../common/errors.ts';
import type { ErrorResponseCode } from '../../lwm2m/client/refusal.ts';

/** Modbus Application Protocol V1.1b3 §7, and what a server of the LwM2M side is told. */
const EXCEPTIONS: Readonly<Record<number, { readonly meaning: string; readonly responseCode: ErrorResponseCode }>> = {
  1: { meaning: 'illegal function', responseCode: '4.05' },
  2: { meaning: 'illegal data address', responseCode: '4.04' },
  3: { meaning: 'illegal data value', responseCode: '4.00' },
  4: { meaning: 'server device failure', responseCode: '5.03' },
  5: { meaning: 'acknowledge, still at work', responseCode: '5.03' },
  6: { meaning: 'server device busy', responseCode: '5.03' },
};
/** A gateway says that the unit behind it did not answer: the same as silence. */
const UNIT_SILENT: ReadonlySet<number> = new Set([10, 11]);

/** What is out of reach: one unit, or the whole connection with all its units. */
export type UnreachableScope = 'unit' | 'connection';

export function exceptionError(unitId: number, exception: number): PlatformError {
  if (UNIT_SILENT.has(exception)) return unreachable('unit', `unit ${unitId} does not answer its gateway`);
  const { meaning, responseCode } = EXCEPTIONS[exception] ?? { meaning: 'unknown exception', responseCode: '5.00' };
  const details = { unitId, exception, responseCode };
  return new PlatformError('MODBUS_EXCEPTION', `unit ${unitId}: exception ${exception}, ${meaning}`, { details });
}

export function unreachable(scope: UnreachableScope, message: string, cause?: unknown): PlatformError {
  return new PlatformError('MODBUS_UNREACHABLE', message, { details: { scope, responseCode: '5.04' }, cause });
}

/** The bus is not at fault, its queue is full. */
export function busy(message: string): PlatformError {
  return new PlatformError('MODBUS_UNREACHABLE', message, { details: { scope: 'queue', responseCode: '5.03' } });
}

export function scopeOf(error: unknown): unknown {
  return error instanceof PlatformError && error.code === 'MODBUS_UNREACHABLE' ? error.details.scope : undefined;
}
