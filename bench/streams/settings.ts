import { list, wholeNumber, yesNo } from '../../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../../common/settings.ts';

/** The ways in which the peer is written. */
const FORMS = ['dsl', 'processor'] as const;
export type PeerForm = (typeof FORMS)[number];

export const STREAMS_BENCH_SETTINGS = {
  records: { about: 'observations in the topic', schema: wholeNumber(10_000, 100_000_000).default(5_000_000) },
  endpoints: { about: 'endpoints that they come from', schema: wholeNumber(1, 100_000).default(1_000) },
  forms: {
    about:
      'forms of Kafka Streams, with commas: processor (no repartition topic), dsl; ours is compared with the quicker',
    schema: list
      .refine((forms) => forms.length > 0 && forms.every((form) => FORMS.includes(form as PeerForm)), {
        error: `expected some of ${FORMS.join(', ')}`,
      })
      .transform((forms) => forms as PeerForm[])
      .default(['processor']),
  },
  repeats: { about: 'runs of each program', schema: wholeNumber(1, 20).default(3) },
  keys: {
    about: 'keys in the state that is restored; the figure is of a million',
    schema: wholeNumber(1_000, 10_000_000).default(1_000_000),
  },
  heap: { about: 'heap of Kafka Streams, in MB', schema: wholeNumber(64, 16_384).default(1_024) },
  json: { about: 'print the medians as one JSON line', schema: yesNo.default(false), isSwitch: true },
} as const satisfies SettingsTable;

export type StreamsBenchSettings = SettingsOf<typeof STREAMS_BENCH_SETTINGS>;
