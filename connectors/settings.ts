import { gatewayId, hostAndPorts, httpUrl, list, port, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';

const gatewayIds = list
  .refine((ids) => ids.length > 0, 'expected at least one gateway id')
  .refine((ids) => ids.every((id) => gatewayId.safeParse(id).success), 'each id: 1 to 64 letters, digits, - or _');

/** What every connector has. */
export const CONNECTOR_SETTINGS = {
  kafkaBrokers: { about: 'brokers of the cloud Kafka, host:port with commas', schema: hostAndPorts },
  registryUrl: { about: 'Confluent API of the schema registry', schema: httpUrl },
  gatewayIds: { about: 'ids of the gateways whose topics are taken, with commas', schema: gatewayIds },
  batchRecords: {
    about: 'most records in one write to the store',
    schema: wholeNumber(1, 50_000).default(10_000),
  },
  fetchBytes: {
    about: 'largest fetch from one partition, in bytes; bounds the memory of a waiting batch',
    schema: wholeNumber(16_384, 67_108_864).default(2_097_152),
  },
  topicCheckSeconds: {
    about: 'pause between looks for topics of gateways that are not there yet, in seconds',
    schema: wholeNumber(1, 3_600).default(3),
  },
  healthAddress: { about: 'address of the health and metrics port', schema: text.default('127.0.0.1') },
} as const satisfies SettingsTable;

export const INFLUXDB_SETTINGS = {
  ...CONNECTOR_SETTINGS,
  groupId: { about: 'consumer group', schema: text.default('zeelos-connector-influxdb') },
  influxUrl: { about: 'address of InfluxDB', schema: httpUrl },
  influxOrg: { about: 'organisation in InfluxDB', schema: text.default('zeelos') },
  influxBucket: { about: 'bucket in InfluxDB', schema: text.default('zeelosdb') },
  influxTokenFile: { about: 'file that holds a token which may write to the bucket', schema: text },
  healthPort: { about: 'TCP port of /metrics, /healthz and /readyz; 0 chooses one', schema: port.default(9120) },
} as const satisfies SettingsTable;

export const ORIENTDB_SETTINGS = {
  ...CONNECTOR_SETTINGS,
  groupId: { about: 'consumer group', schema: text.default('zeelos-connector-orientdb') },
  orientHost: { about: 'host of OrientDB', schema: text.default('127.0.0.1') },
  orientPort: { about: 'port of its binary protocol', schema: port.default(2424) },
  orientDatabase: { about: 'database, which must exist', schema: text.default('zeelosdb') },
  orientUser: { about: 'user of the database', schema: text.default('root') },
  orientPasswordFile: { about: 'file that holds the password of the user', schema: text },
  modelsDir: {
    about:
      "folder of object definitions for the graph, as OMA's XML, subfolders included, read at start over the built-in ones; a checkout of the OMA registry will do",
    schema: text.optional(),
  },
  healthPort: { about: 'TCP port of /metrics, /healthz and /readyz; 0 chooses one', schema: port.default(9121) },
} as const satisfies SettingsTable;

export type ConnectorSettings = SettingsOf<typeof CONNECTOR_SETTINGS>;
export type InfluxdbSettings = SettingsOf<typeof INFLUXDB_SETTINGS>;
export type OrientdbSettings = SettingsOf<typeof ORIENTDB_SETTINGS>;
