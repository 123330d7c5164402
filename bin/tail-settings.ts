import { hostAndPorts, httpUrl, text, wholeNumber, yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { DATA_DIR } from './running-system.ts';

export const TAIL_SETTINGS = {
  dataDir: { about: 'data folder of the `zeelos up` whose addresses hold', schema: text.default(DATA_DIR) },
  kafkaBrokers: {
    about: 'brokers, host:port with commas; else the cloud of `zeelos up`, or its edge with --edge',
    schema: hostAndPorts.optional(),
  },
  registryUrl: { about: 'Confluent API of the schema registry; else that of `zeelos up`', schema: httpUrl.optional() },
  edge: { about: 'read at the edge instead of the cloud', schema: yesNo.default(false), isSwitch: true },
  fromBeginning: {
    about: 'start with the oldest record instead of the next',
    schema: yesNo.default(false),
    isSwitch: true,
  },
  limit: { about: 'end after so many records', schema: wholeNumber(1, 1_000_000_000).optional() },
  printKey: { about: 'print the key before each value', schema: yesNo.default(false), isSwitch: true },
} as const satisfies SettingsTable;
