import { gatewayId, hostAndPorts, port, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';

export const REPLICATOR_SETTINGS = {
  gatewayId: { about: 'id of the gateway whose topics are copied', schema: gatewayId },
  edgeBrokers: { about: "brokers of the gateway's own Kafka, host:port with commas", schema: hostAndPorts },
  cloudBrokers: { about: 'brokers of the cloud, host:port with commas; only reached from here', schema: hostAndPorts },
  batchBytes: {
    about: 'bytes fetched of one partition at a time, and largest batch written; below max.message.bytes of the topics',
    schema: wholeNumber(16_384, 1_000_000).default(900_000),
  },
  healthAddress: { about: 'address of /metrics, /healthz and /readyz', schema: text.default('127.0.0.1') },
  healthPort: { about: 'port of /metrics, /healthz and /readyz', schema: port.default(9110) },
} as const satisfies SettingsTable;
