import { list, oneOf, text, wholeNumber, yesNo } from '../../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../../common/settings.ts';

export const PEERS = ['ours', 'mm2', 'franz'] as const;
export type PeerName = (typeof PEERS)[number];

export const CASES = ['raw', 'small', 'wan', 'commands'] as const;
export type CaseName = (typeof CASES)[number];

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export const REPLICATOR_BENCH_SETTINGS = {
  yardstick: {
    about: 'folder of the yardstick; ZEELOS_YARDSTICK names it too',
    schema: text.optional(),
    standard: '../shared/yardstick',
  },
  cases: { about: `what to measure, with commas: ${CASES.join(', ')}`, schema: someOf(CASES) },
  peers: { about: `whom to measure, with commas: ${PEERS.join(', ')}`, schema: someOf(PEERS) },
  repeats: { about: 'how often each is measured, all in turn', schema: wholeNumber(1, 20).default(3) },
  records: {
    about: 'records of a case; commands are timed while three times as many are caught up with',
    schema: wholeNumber(1_000, 20_000_000).default(1_000_000),
  },
  json: { about: 'print the medians as one JSON line', schema: yesNo.default(false), isSwitch: true },
  out: { about: 'file to which each measurement is added as a JSON line', schema: text.optional() },
  brokerHeap: { about: 'heap of each of the two brokers', schema: text.default('768m') },
  nodeFlags: { about: 'flags of Node for our replicator, with commas', schema: list.default([]) },
  replicatorFlags: { about: 'further flags of our replicator, with commas', schema: list.default([]) },
  mm2Java: { about: 'flags of Java for MirrorMaker 2', schema: text.default('-Xmx1g') },
  mm2Compression: { about: "compression of MirrorMaker 2's producer", schema: oneOf(...CODECS).default('lz4') },
  franzSmallCompression: {
    about: 'compression of the mirror on franz-go, small case',
    schema: oneOf(...CODECS).default('zstd'),
  },
} as const satisfies SettingsTable;

function someOf<const T extends readonly string[]>(names: T) {
  return list
    .refine((chosen) => chosen.length > 0 && chosen.every((name) => names.includes(name)), {
      error: `expected some of ${names.join(', ')}`,
    })
    .transform((chosen) => chosen as T[number][])
    .default([...names]);
}

export type ReplicatorBenchSettings = SettingsOf<typeof REPLICATOR_BENCH_SETTINGS>;
