import { list, oneOf, wholeNumber, yesNo } from '../../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../../common/settings.ts';

export const CONNECT_BENCH_SETTINGS = {
  records: { about: 'observations in the topic', schema: wholeNumber(1_000, 5_000_000).default(600_000) },
  registrations: { about: 'registrations of new endpoints', schema: wholeNumber(10, 1_000_000).default(10_000) },
  repeats: { about: 'how often each is measured, in turn', schema: wholeNumber(1, 20).default(3) },
  quick: {
    about: 'few records, once: shows that it works, the figures mean nothing',
    schema: yesNo.default(false),
    isSwitch: true,
  },
  peer: {
    about:
      'another program from the same topic to the same store: telegraf (built by Go on first use, some two minutes)',
    schema: oneOf('none', 'telegraf').default('none'),
  },
  nodeFlags: { about: 'flags of Node for the worker, with commas', schema: list.default([]) },
  json: { about: 'print only what it comes to, as one JSON line', schema: yesNo.default(false), isSwitch: true },
} as const satisfies SettingsTable;

export type ConnectBenchSettings = SettingsOf<typeof CONNECT_BENCH_SETTINGS>;

/** As many records as show that it works. */
export const QUICK = { records: 20_000, registrations: 1_000, repeats: 1 } as const;
