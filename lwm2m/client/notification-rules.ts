/** When an observed value is to be sent; the effective attributes of its path (OMA LwM2M 1.0.2 §5.1.2). */
export interface NotificationRules {
  /** Least time between two notifications, seconds. */
  readonly pmin?: number;
  /** Longest time between two notifications, seconds; without force at or below pmin. */
  readonly pmax?: number;
  readonly gt?: number;
  readonly lt?: number;
  readonly st?: number;
}

export interface NotificationState {
  readonly lastSentAtMs: number;
  /** The value changed since what was last sent was read. */
  readonly changed: boolean;
}

/** When the observation must be looked at next: Infinity when only a change can make it due. */
export function dueAtMs(rules: NotificationRules, state: NotificationState): number {
  const changeDue = state.changed ? state.lastSentAtMs + (rules.pmin ?? 0) * 1000 : Number.POSITIVE_INFINITY;
  return Math.min(changeDue, periodEndMs(rules, state.lastSentAtMs));
}

/** True when pmax asks for a notification whether or not the value changed. */
export function isPeriodOver(rules: NotificationRules, lastSentAtMs: number, nowMs: number): boolean {
  return nowMs >= periodEndMs(rules, lastSentAtMs);
}

function periodEndMs(rules: NotificationRules, lastSentAtMs: number): number {
  const { pmin = 0, pmax = 0 } = rules;
  return pmax > pmin ? lastSentAtMs + pmax * 1000 : Number.POSITIVE_INFINITY;
}

/** Decimal steps are not exact in binary: 0.3 - 0.2 must count as a step of 0.1. */
const STEP_TOLERANCE = 1e-9;

/**
 * Whether a change from the value last sent to the present one is worth a notification: each crossing of gt or lt in
 * either direction, and a move of st or more. Without these attributes, or for what is no number, every change is.
 */
export function isWorthSending(rules: NotificationRules, last: number | undefined, next: number | undefined): boolean {
  const { gt, lt, st } = rules;
  if (gt === undefined && lt === undefined && st === undefined) return true;
  if (last === undefined || next === undefined || Number.isNaN(last) || Number.isNaN(next)) return true;
  if (gt !== undefined && last > gt !== next > gt) return true;
  if (lt !== undefined && last < lt !== next < lt) return true;
  return st !== undefined && Math.abs(next - last) >= st * (1 - STEP_TOLERANCE);
}
