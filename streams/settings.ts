import { gatewayId, hostAndPorts, httpUrl, oneOf, port, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';

export const STREAM_SETTINGS = {
  gatewayId: { about: 'id of the gateway whose observations are read', schema: gatewayId },
  kafkaBrokers: { about: 'brokers of the Kafka that has them, host:port with commas', schema: hostAndPorts },
  registryUrl: { about: 'Confluent API of the schema registry', schema: httpUrl },
  snapshotFile: {
    about: 'file that keeps the schema ids of the gateway; the one of its server may be shared',
    schema: text.default('.zeelos/schemas.json'),
  },
  input: {
    about: 'what is read: observations as they come, or taken apart by the analysis `singles`',
    schema: oneOf('observations', 'singles').default('observations'),
  },
  groupId: {
    about: 'consumer group, and first part of the transactional ids and the changelog',
    schema: text.optional(),
    standard: 'zeelos-stream-<analysis>.<gateway>',
  },
  windowSeconds: {
    about: 'length of a window of downsample, in seconds',
    schema: wholeNumber(1, 86_400).default(60),
  },
  advanceSeconds: {
    about: 'distance of two windows of downsample, in seconds; below the length they overlap',
    schema: wholeNumber(1, 86_400).optional(),
    standard: 'the length',
  },
  graceSeconds: {
    about: 'how long after its end a window takes records, in seconds of the time of the values',
    schema: wholeNumber(0, 604_800).optional(),
    standard: '10 for counts, 3600 for maxper30sec and downsample',
  },
  emit: {
    about: 'whether a result is written at each change, or once when its window closes',
    schema: oneOf('updates', 'final').default('updates'),
  },
  rulesFile: { about: 'JSON file with the rules of alarms', schema: text.optional(), standard: '–' },
  entriesLimit: {
    about: 'most keys in the open windows of one partition; bounds the memory',
    schema: wholeNumber(100, 20_000_000).default(200_000),
  },
  commitMs: {
    about: 'longest wait before results are committed, in milliseconds',
    schema: wholeNumber(10, 60_000).default(100),
  },
  fetchBytes: {
    about: 'largest fetch from one partition, in bytes',
    schema: wholeNumber(16_384, 67_108_864).default(1_048_576),
  },
  sessionSeconds: {
    about: 'how long the group waits for a worker that says nothing, in seconds',
    schema: wholeNumber(6, 300).default(10),
  },
  healthAddress: { about: 'address of the health and metrics port', schema: text.default('127.0.0.1') },
  healthPort: { about: 'TCP port of /metrics, /healthz and /readyz; 0 chooses one', schema: port.default(9139) },
} as const satisfies SettingsTable;

export type StreamSettings = SettingsOf<typeof STREAM_SETTINGS>;
