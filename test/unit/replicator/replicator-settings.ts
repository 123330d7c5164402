import { parseSettings } from '../../../common/settings.ts';
import type { ReplicatorSettings } from '../../../replicator/gateway-config.ts';
import { REPLICATOR_SETTINGS } from '../../../replicator/settings.ts';

/** As the command line gives them, for a cloud at an address where nobody answers. */
export function replicatorSettings(...args: readonly string[]): ReplicatorSettings {
  return parseSettings(REPLICATOR_SETTINGS, { args: ['--cloud-brokers', '127.0.0.1:1', ...args], env: {} }).settings;
}
