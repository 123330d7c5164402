import { list, oneOf, port, text, wholeNumber, yesNo } from '../../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../../common/settings.ts';

export const PHASES = ['notify', 'non', 'register', 'memory', 'restart', 'command', 'loaded'] as const;
export type Phase = (typeof PHASES)[number];

export const SERVER_SETTINGS = {
  yardstick: {
    about: 'folder of the yardstick; ZEELOS_YARDSTICK names it too',
    schema: text.optional(),
    standard: '../shared/yardstick',
  },
  only: {
    about: 'measure one side alone, ours or peer; then there are no ratios',
    schema: oneOf('ours', 'peer').optional(),
  },
  phases: {
    about: `what to measure, with commas: ${PHASES.join(', ')}`,
    schema: list
      .refine((names) => names.every((name) => (PHASES as readonly string[]).includes(name)), {
        error: `expected some of ${PHASES.join(', ')}`,
      })
      .transform((names) => names as Phase[])
      .default([...PHASES]),
  },
  soak: {
    about: '5,000 notifications/s to ours for ten minutes as well; alone with --phases=',
    schema: yesNo.default(false),
    isSwitch: true,
  },
  seconds: {
    about: 'length of one measurement of confirmable notifications (3 with --quick)',
    schema: wholeNumber(1, 600).default(8),
  },
  repeats: { about: 'how often each is measured, ours and the peer in turn', schema: wholeNumber(1, 20).default(3) },
  quick: {
    about: 'seconds and small fleets only: shows that the harness works, the figures mean nothing',
    schema: yesNo.default(false),
    isSwitch: true,
  },
  json: { about: 'print the medians as one JSON line', schema: yesNo.default(false), isSwitch: true },
  out: { about: 'file to which each measurement is added as a JSON line', schema: text.optional() },
  nodeFlags: { about: 'flags of Node for our server, with commas', schema: list.default([]) },
  peerJava: { about: 'flags of Java for the peer', schema: text.default('-Xmx1g') },
  peerArgs: {
    about: 'flags of the peer',
    schema: text.default('--dedup PEERS_MARK_AND_SWEEP --udp-rcvbuf 4194304 --compression none'),
  },
  coapPort: { about: 'UDP port of the server under test; 0 chooses one', schema: port.default(0) },
  healthPort: { about: 'TCP port for the metrics of our server; 0 chooses one', schema: port.default(0) },
  brokerPort: { about: 'TCP port of the broker; 0 chooses one', schema: port.default(0) },
  controllerPort: { about: 'second TCP port of the broker; 0 chooses one', schema: port.default(0) },
} as const satisfies SettingsTable;

export type ServerSettings = SettingsOf<typeof SERVER_SETTINGS>;

/** How long and how large the measurements are. */
export interface Sizes {
  readonly notify: { readonly devices: readonly number[]; readonly seconds: number; readonly warmupSeconds: number };
  readonly non: { readonly perSecond: number; readonly devices: number; readonly seconds: number };
  /** The first fleet warms the server up. */
  readonly register: { readonly warmup: number; readonly devices: number };
  readonly memory: { readonly small: number; readonly large: number; readonly perFleet: number };
  readonly command: { readonly single: number; readonly many: number };
  readonly load: { readonly perSecond: number; readonly devices: number; readonly commands: number };
  readonly soakSeconds: number;
}

export function sizesOf({ quick, seconds }: ServerSettings): Sizes {
  return quick ? QUICK : { ...FULL, notify: { ...FULL.notify, seconds } };
}

const FULL: Sizes = {
  notify: { devices: [100, 1_000, 2_000], seconds: 8, warmupSeconds: 6 },
  non: { perSecond: 40_000, devices: 1_000, seconds: 5 },
  register: { warmup: 2_000, devices: 10_000 },
  memory: { small: 10_000, large: 100_000, perFleet: 10_000 },
  command: { single: 1_000, many: 10_000 },
  load: { perSecond: 5_000, devices: 1_000, commands: 1_000 },
  soakSeconds: 600,
};

const QUICK: Sizes = {
  notify: { devices: [100, 1_000, 2_000], seconds: 3, warmupSeconds: 1 },
  non: { perSecond: 40_000, devices: 1_000, seconds: 1 },
  register: { warmup: 100, devices: 1_000 },
  memory: { small: 500, large: 2_000, perFleet: 500 },
  command: { single: 200, many: 1_000 },
  load: { perSecond: 1_000, devices: 100, commands: 200 },
  soakSeconds: 10,
};
