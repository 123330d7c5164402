import { hostAndPorts, text, wholeNumber, yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';

export const REPLAY_SETTINGS = {
  kafkaBrokers: { about: 'brokers of the Kafka that holds the topic, host:port with commas', schema: hostAndPorts },
  code: { about: 'only records that were set aside for this error code', schema: text.optional() },
  connector: { about: 'only records that this connector set aside', schema: text.optional() },
  limit: { about: 'at most so many records', schema: wholeNumber(1, 1_000_000_000).optional() },
  dryRun: { about: 'prints what would be replayed and changes nothing', schema: yesNo.default(false), isSwitch: true },
} as const satisfies SettingsTable;
