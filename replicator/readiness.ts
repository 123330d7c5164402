import type { Health } from '../common/health.ts';
import { sleep } from '../common/lifecycle.ts';
import type { GatewayReplicator } from './copy/gateway-replicator.ts';
import { nameOf } from './copy/source-partition.ts';

const EVERY_MS = 200;

/** Keeps /readyz in step with the lanes: ready when all run and no partition stands still. Until the signal is aborted. */
export async function showReadiness(
  replicators: () => Iterable<GatewayReplicator>,
  health: Pick<Health, 'setReady' | 'setNotReady'>,
  signal: AbortSignal,
): Promise<void> {
  let shown = new Set<string>();
  while (!signal.aborted) {
    const reasons = reasonsOf(replicators());
    for (const [part, reason] of reasons) health.setNotReady(part, reason);
    for (const part of shown) if (!reasons.has(part)) health.setReady(part);
    shown = new Set(reasons.keys());
    await sleep(EVERY_MS, signal);
  }
}

function reasonsOf(replicators: Iterable<GatewayReplicator>): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  for (const { gatewayId, lanes } of replicators) {
    for (const { plan, phase, failure, stopped } of lanes) {
      const lane = `${gatewayId}/${plan.name}`;
      if (phase !== 'running') reasons.set(lane, failure === undefined ? phase : `${phase}: ${failure.message}`);
      for (const one of stopped.values()) reasons.set(nameOf(one), `stopped at offset ${one.offset}: ${one.reason}`);
    }
  }
  return reasons;
}
