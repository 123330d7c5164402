import { PlatformError } from '../common/errors.ts';
import type { SystemAddresses } from './running-system.ts';

/** What is read of the replicator's /flows. */
interface Flows {
  readonly gateways: readonly {
    readonly gatewayId: string;
    readonly lanes: readonly {
      readonly lane: string;
      readonly phase: string;
      readonly reason: string | null;
      readonly lag: { readonly records: number | null };
      readonly stopped: readonly unknown[];
    }[];
  }[];
}

/** One line for each lane of the replicator. Errors: KAFKA_UNAVAILABLE, or what fetch throws, when it does not answer. */
export async function laneStates(addresses: SystemAddresses, timeoutMs: number): Promise<Record<string, string>> {
  const url = `http://127.0.0.1:${addresses.health.replicator}/flows`;
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new PlatformError('KAFKA_UNAVAILABLE', `the replicator answered ${response.status}`);
  return laneLines((await response.json()) as Flows);
}

export function laneLines({ gateways }: Flows): Record<string, string> {
  const lines = gateways.flatMap(({ gatewayId, lanes }) =>
    lanes.map(({ lane, phase, reason, lag, stopped }) => {
      const why = reason === null ? '' : ` (${reason})`;
      const still = stopped.length === 0 ? '' : `, partitions that stand still: ${stopped.length}`;
      return [`${gatewayId}/${lane}`, `${phase}${why}, to copy ${lag.records ?? '–'}${still}`] as const;
    }),
  );
  return Object.fromEntries(lines);
}
