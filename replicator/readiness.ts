import type { Health } from '../common/health.ts';
import { sleep } from '../common/lifecycle.ts';
import { nameOf } from './copy/source-partition.ts';
import type { Gateway } from './gateway.ts';

const EVERY_MS = 200;

export interface ReadinessOptions {
  readonly signal: AbortSignal;
  /** One gateway of many that is out of reach is everyday life; of a single one it is the reason. */
  readonly isHub: boolean;
}

/** Keeps /readyz in step with the lanes until the signal is aborted: ready when all run and no partition stands still. */
export async function showReadiness(
  gateways: () => Iterable<Gateway>,
  health: Pick<Health, 'setReady' | 'setNotReady'>,
  { signal, isHub }: ReadinessOptions,
): Promise<void> {
  let shown = new Set<string>();
  while (!signal.aborted) {
    const reasons = reasonsOf(gateways(), isHub);
    for (const [part, reason] of reasons) health.setNotReady(part, reason);
    for (const part of shown) if (!reasons.has(part)) health.setReady(part);
    shown = new Set(reasons.keys());
    await sleep(EVERY_MS, signal);
  }
}

/** What keeps them from being ready, by gateway, lane or partition. */
export function reasonsOf(
  gateways: Iterable<Pick<Gateway, 'gatewayId' | 'phase' | 'failure' | 'lanes'>>,
  isHub: boolean,
): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  for (const { gatewayId, phase, failure: fault, lanes } of gateways) {
    if (phase !== 'running') reasons.set(gatewayId, fault === undefined ? phase : `${phase}: ${fault.message}`);
    if (phase === 'ended') continue;
    for (const { plan, phase: lanePhase, isPaused, failure, stopped } of lanes) {
      const lane = `${gatewayId}/${plan.name}`;
      if (isPaused) reasons.set(lane, 'paused');
      else if (lanePhase !== 'running' && !(isHub && failure !== undefined))
        reasons.set(lane, failure === undefined ? lanePhase : `${lanePhase}: ${failure.message}`);
      for (const one of stopped.values()) reasons.set(nameOf(one), `stopped at offset ${one.offset}: ${one.reason}`);
    }
  }
  return reasons;
}
