import type { LaneState } from '../copy/lane-state.ts';
import { MODES } from '../copy/relay.ts';
import type { Gateway } from '../gateway.ts';

/** What GET /flows shows of one gateway. Times are RFC 3339, rates and lags as of the last few seconds. */
export function gatewayReport(gateway: Gateway) {
  const { gatewayId, phase, failure, replicator } = gateway;
  return {
    gatewayId,
    phase,
    failure: failureReport(failure),
    rate: {
      bytesPerSecond: replicator?.limit.bytesPerSecond ?? null,
      outsideSchedule: replicator?.limit.standing ?? null,
    },
    lanes: gateway.lanes.map(laneReport),
  };
}

function laneReport(state: LaneState) {
  const { plan, phase, isPaused, progress, rate, failure, lastFailure, stopped } = state;
  const topics = plan.topics.map(({ topic }) => topicReport(state, topic));
  const all = [...progress.values()];
  return {
    lane: plan.name,
    from: plan.source,
    to: plan.target,
    phase: isPaused && phase !== 'ended' ? 'paused' : phase,
    reason: failure === undefined ? null : `${failure.code}: ${failure.message}`,
    lag: {
      records: sumOfKnown(plan.topics.map(({ topic }) => progress.get(topic)?.lagRecords)),
      bytes: Math.round(sum(all.map(({ lagBytes }) => lagBytes))),
      seconds: rounded(Math.max(0, ...all.map(({ lagSeconds }) => lagSeconds))),
    },
    copied: { records: sum(all.map(({ records }) => records)), bytes: sum(all.map(({ bytesIn }) => bytesIn)) },
    perSecond: { records: rounded(rate.recordsPerSecond), bytes: Math.round(rate.bytesPerSecond) },
    modes: modeShares(state),
    topics,
    stopped: [...stopped.values()].map(({ sinceMs, ...one }) => ({ ...one, since: timeOf(sinceMs) })),
    lastFailure: failureReport(lastFailure),
  };
}

function topicReport({ committed, progress }: LaneState, topic: string) {
  const { lagRecords = null, lagBytes = 0, lagSeconds = 0 } = progress.get(topic) ?? {};
  const positions = committed?.of(topic)?.partitions ?? new Map<number, { offset: number }>();
  return {
    topic,
    lag: { records: lagRecords, bytes: Math.round(lagBytes), seconds: rounded(lagSeconds) },
    /** Next offset to copy, by partition of the source. */
    committed: Object.fromEntries([...positions].map(([partition, { offset }]) => [partition, offset])),
  };
}

/** Null while one of them is not known. */
function sumOfKnown(values: readonly (number | undefined)[]): number | null {
  return values.reduce<number | null>(
    (total, value) => (total === null || value === undefined ? null : total + value),
    0,
  );
}

/** Parts of 1, of the batches that were committed since the start. */
function modeShares({ modes }: LaneState): Readonly<Record<string, number>> {
  const total = sum([...modes.values()]);
  return Object.fromEntries(MODES.map((mode) => [mode, total === 0 ? 0 : rounded((modes.get(mode) ?? 0) / total)]));
}

function failureReport(failure: LaneState['failure']) {
  return failure === undefined ? null : { code: failure.code, message: failure.message, at: timeOf(failure.atMs) };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
