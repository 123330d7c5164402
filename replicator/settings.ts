import { COMPRESSIONS } from '../common/kafka/batch/compression.ts';
import { gatewayId, hostAndPorts, httpUrl, list, oneOf, port, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { rateSchedule } from './rate-schedule.ts';
import { SECURITY_SETTINGS } from './security-settings.ts';

export const REPLICATOR_SETTINGS = {
  gatewayId: {
    about: 'id of the gateway whose topics are copied; required unless --gateways is given',
    schema: gatewayId.optional(),
  },
  edgeBrokers: {
    about: "brokers of the gateway's own Kafka, host:port with commas; required unless --gateways is given",
    schema: hostAndPorts.optional(),
  },
  gateways: {
    about:
      'a hub: JSON file with the gateways, in place of --gateway-id and --edge-brokers; read again when it changes',
    schema: text.optional(),
  },
  cloudBrokers: { about: 'brokers of the cloud, host:port with commas; only reached from here', schema: hostAndPorts },
  upTopics: {
    about: 'further topics of the gateway that go up, with commas, such as analytics.gw1.alarms',
    schema: list.default([]),
  },
  delivery: {
    about:
      'exactly-once (in transactions), or at-least-once (repeats after a failure) for thousands of gateways on a small cloud',
    schema: oneOf('exactly-once', 'at-least-once').default('exactly-once'),
  },
  onGap: {
    about: 'after records were deleted before they were copied: go on behind them, or stop that partition',
    schema: oneOf('continue', 'stop').default('continue'),
  },
  wanCompression: {
    about: 'codec of small or uncompressed batches on their way to the cloud; what is compressed keeps its own',
    schema: oneOf(...COMPRESSIONS).default('zstd'),
  },
  schemaIds: {
    about:
      'equal: the schema ids in records hold on both sides, or translate: each side has a registry of its own and ids are replaced',
    schema: oneOf('equal', 'translate').default('equal'),
  },
  edgeRegistryUrl: { about: "the edge's schema registry (Confluent API); for translate", schema: httpUrl.optional() },
  cloudRegistryUrl: { about: "the cloud's schema registry (Confluent API); for translate", schema: httpUrl.optional() },
  schemaMapFile: {
    about: 'file that keeps the ids of both registries, so that a restart with a registry away goes on; for translate',
    schema: text.optional(),
  },
  commitBytes: {
    about: 'a transaction ends after so many bytes, or after a second, or when there is nothing more to copy',
    schema: wholeNumber(65_536, 268_435_456).default(16_777_216),
  },
  budgetBytes: {
    about: 'bytes of records that each lane may hold in memory, whatever waits at the source',
    schema: wholeNumber(4_194_304, 268_435_456).default(16_777_216),
  },
  bytesPerSecond: {
    about: 'most bytes per second towards the cloud; commands and replies are counted and never held back',
    schema: wholeNumber(1, 10_000_000_000).optional(),
  },
  rateSchedule: {
    about:
      'other rates at times of the day (local time), such as 22:00-06:00=2000000,12:00-13:00=0; 0 lets no bulk through',
    schema: rateSchedule.default([]),
  },
  ...SECURITY_SETTINGS,
  healthAddress: {
    about: 'address of /metrics, /healthz, /readyz and /flows; any but loopback needs --health-token-file',
    schema: text.default('127.0.0.1'),
  },
  healthPort: { about: 'port of /metrics, /healthz, /readyz and /flows', schema: port.default(9110) },
  healthTokenFile: {
    about: 'file with the bearer token for /flows, mode 0600; the others need none',
    schema: text.optional(),
  },
} as const satisfies SettingsTable;
