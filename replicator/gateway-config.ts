import { PlatformError } from '../common/errors.ts';
import type { SettingsOf } from '../common/settings.ts';
import type { SideAddress } from './copy/gateway-replicator.ts';
import type { LaneSettings } from './copy/lane.ts';
import type { RateWindow } from './copy/rate-limit.ts';
import { type SideSecurity, securityOf } from './security-settings.ts';
import type { REPLICATOR_SETTINGS } from './settings.ts';
import type { TranslationSettings } from './translation/open-translations.ts';

export type ReplicatorSettings = SettingsOf<typeof REPLICATOR_SETTINGS>;

/** Everything that one gateway's replicator is made of. Secrets stand in it in plain text: it is never printed. */
export interface GatewayConfig {
  readonly gatewayId: string;
  readonly edge: SideAddress;
  readonly cloud: SideAddress;
  readonly upTopics: readonly string[];
  readonly lanes: LaneSettings;
  readonly bytesPerSecond: number | undefined;
  readonly rateWindows: readonly RateWindow[];
  readonly translation: TranslationSettings;
}

/** A lane that has less to send than `commitBytes` commits this often. */
const COMMIT_MS = 1_000;

/** The one gateway of the settings. Errors: CONFIG_INVALID. */
export function gatewayOf(settings: ReplicatorSettings): GatewayConfig {
  const { gatewayId, edgeBrokers } = settings;
  if (gatewayId === undefined || edgeBrokers === undefined)
    throw new PlatformError(
      'CONFIG_INVALID',
      '--gateway-id and --edge-brokers are required, or --gateways in their place',
    );
  return {
    gatewayId,
    edge: sideAddress(edgeBrokers, edgeSecurity(settings), '--edge-'),
    ...sharedBy(settings),
    upTopics: settings.upTopics,
    bytesPerSecond: settings.bytesPerSecond,
    rateWindows: settings.rateSchedule,
  };
}

/** What the flags say of every gateway. Errors: CONFIG_INVALID. */
export function sharedBy(settings: ReplicatorSettings): Pick<GatewayConfig, 'cloud' | 'lanes' | 'translation'> {
  const { delivery, onGap, wanCompression: compression, commitBytes, budgetBytes } = settings;
  const { schemaIds, edgeRegistryUrl, cloudRegistryUrl, schemaMapFile } = settings;
  return {
    cloud: sideAddress(settings.cloudBrokers, cloudSecurity(settings), '--cloud-'),
    lanes: { delivery, onGap, compression, commitBytes, commitMs: COMMIT_MS, budgetBytes },
    translation: { schemaIds, edgeRegistryUrl, cloudRegistryUrl, schemaMapFile },
  };
}

/** @param prefix of the settings, for messages */
export function sideAddress(brokers: readonly string[], given: SideSecurity, prefix: string): SideAddress {
  const security = securityOf(given, prefix);
  return security === undefined ? { brokers } : { brokers, security };
}

function edgeSecurity(settings: ReplicatorSettings): SideSecurity {
  return {
    tls: settings.edgeTls,
    tlsCaFile: settings.edgeTlsCaFile,
    tlsCertFile: settings.edgeTlsCertFile,
    tlsKeyFile: settings.edgeTlsKeyFile,
    saslMechanism: settings.edgeSaslMechanism,
    saslUsername: settings.edgeSaslUsername,
    saslPasswordFile: settings.edgeSaslPasswordFile,
  };
}

function cloudSecurity(settings: ReplicatorSettings): SideSecurity {
  return {
    tls: settings.cloudTls,
    tlsCaFile: settings.cloudTlsCaFile,
    tlsCertFile: settings.cloudTlsCertFile,
    tlsKeyFile: settings.cloudTlsKeyFile,
    saslMechanism: settings.cloudSaslMechanism,
    saslUsername: settings.cloudSaslUsername,
    saslPasswordFile: settings.cloudSaslPasswordFile,
  };
}
