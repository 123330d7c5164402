import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from './processes.ts';

const OWN_FLEET = fileURLToPath(new URL('./fleet.ts', import.meta.url));

export interface Load {
  readonly port: number;
  readonly devices: number;
  readonly prefix: string;
  /** Unanswered notifications in all. */
  readonly inflight: number;
  readonly seconds: number;
  /** Path of another program with the same flags. */
  readonly fleet: string | undefined;
}

/** What any load source prints. */
export interface FleetResult {
  readonly notifications: number;
  readonly acked: number;
  readonly retransmitted: number;
  readonly notify_per_s: number;
  readonly ack_p50_ms: number;
  readonly ack_p99_ms: number;
  readonly fleet_notify_cpu_s: number;
}

export function startFleet(load: Load, more: readonly string[] = []): Program {
  const { port, devices, prefix, inflight, seconds, fleet } = load;
  const flags = Object.entries({ port, devices, prefix, inflight, duration: seconds });
  const args = [...flags.flatMap(([flag, value]) => [`--${flag}`, String(value)]), ...more];
  if (fleet !== undefined) return new Program(resolve(fleet), args);
  return new Program(process.execPath, [OWN_FLEET, ...args]);
}
