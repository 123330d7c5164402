import { z } from 'zod';
import { httpUrl, text, wholeNumber } from '../../common/setting-types.ts';
import { CONNECTOR_CONFIG, errorPolicy, maxRetries, SINK_CONFIG, topicName, yesNo } from './common-config.ts';
import type { DefinitionTable } from './definition.ts';

const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;
/** InfluxDB keeps nothing for a shorter time. */
const SHORTEST_RETENTION_SECONDS = 3_600;

/** `autogen`: as the bucket has it. `inf`: for ever. Else a number with s, m, h, d or w. */
const retention = z
  .string()
  .regex(/^(autogen|inf|\d{1,9}[smhdw])$/, 'expected autogen, inf or a duration as 30d')
  .transform((value) => {
    if (value === 'autogen') return undefined;
    if (value === 'inf') return 0;
    return Number(value.slice(0, -1)) * UNIT_SECONDS[value.at(-1) as keyof typeof UNIT_SECONDS];
  })
  .refine((seconds) => seconds === undefined || seconds === 0 || seconds >= SHORTEST_RETENTION_SECONDS, 'at least 1h');

const ACCESS = {
  url: {
    names: ['connect.influx.url'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'address of InfluxDB',
    schema: httpUrl,
  },
  org: {
    names: ['connect.influx.org'],
    type: 'STRING',
    importance: 'MEDIUM',
    about: 'organisation; the only one that the credentials may see when empty',
    schema: z.string().default(''),
  },
  token: {
    names: ['connect.influx.token'],
    type: 'PASSWORD',
    importance: 'HIGH',
    about: 'token; or a user and a password',
    schema: z.string().default(''),
  },
  username: {
    names: ['connect.influx.username'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'user, for whom a session is opened',
    schema: z.string().default(''),
  },
  password: {
    names: ['connect.influx.password'],
    type: 'PASSWORD',
    importance: 'HIGH',
    about: 'password of the user',
    schema: z.string().default(''),
  },
} as const satisfies DefinitionTable;

export const INFLUX_SINK_CONFIG = {
  ...SINK_CONFIG,
  ...ACCESS,
  bucket: {
    names: ['connect.influx.db', 'connect.influx.bucket'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'bucket',
    schema: text,
  },
  createBucket: {
    names: ['connect.influx.bucket.create'],
    type: 'BOOLEAN',
    importance: 'LOW',
    about: 'make the bucket when it is not there',
    schema: yesNo.default(false),
  },
  retentionSeconds: {
    names: ['connect.influx.retention.policy'],
    type: 'STRING',
    importance: 'LOW',
    about: 'how long points are kept: `autogen` as the bucket has it, `inf`, or a duration such as 30d',
    schema: retention.optional(),
  },
  kcql: {
    names: ['connect.influx.kcql'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'KCQL; without it values become the measurement `resources`, and replies also `commands`',
    schema: z.string().default(''),
  },
  errorPolicy: {
    names: ['connect.influx.error.policy'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'when the store fails: RETRY, THROW ends the task, NOOP drops the batch',
    schema: errorPolicy,
  },
  maxRetries: {
    names: ['connect.influx.max.retries'],
    type: 'INT',
    importance: 'MEDIUM',
    about: 'attempts after the first before RETRY ends the task; -1 for ever',
    schema: maxRetries,
  },
  retryIntervalMs: {
    names: ['connect.influx.retry.interval'],
    type: 'INT',
    importance: 'MEDIUM',
    about: 'longest pause between attempts, in ms',
    schema: wholeNumber(100, 3_600_000).default(60_000),
  },
} as const satisfies DefinitionTable;

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

export const INFLUX_SOURCE_CONFIG = {
  ...CONNECTOR_CONFIG,
  ...ACCESS,
  query: {
    names: ['connect.influx.query'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'Flux; v.timeRangeStart and v.timeRangeStop are the bounds of the round',
    schema: text.max(65_536),
  },
  topic: {
    names: ['topic', 'connect.influx.topic'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'topic that the rows go to; made when it is not there',
    schema: topicName,
  },
  keyColumn: {
    names: ['connect.influx.key'],
    type: 'STRING',
    importance: 'LOW',
    about: 'column whose text is the key of the record; none when empty',
    schema: z.string().default(''),
  },
  start: {
    names: ['connect.influx.start'],
    type: 'STRING',
    importance: 'MEDIUM',
    about: 'where the first round begins, as 2026-01-01T00:00:00Z; now when empty',
    schema: z
      .string()
      .refine((at) => at === '' || INSTANT.test(at), 'expected a time as 2026-01-01T00:00:00Z')
      .default(''),
  },
  pollMs: {
    names: ['poll.interval.ms'],
    type: 'LONG',
    importance: 'MEDIUM',
    about: 'pause between rounds, in ms',
    schema: wholeNumber(100, 86_400_000).default(10_000),
  },
  delayMs: {
    names: ['connect.influx.delay.ms'],
    type: 'LONG',
    importance: 'MEDIUM',
    about: 'how long points may come late, in ms: a round ends so long before now',
    schema: wholeNumber(0, 86_400_000).default(5_000),
  },
  windowMs: {
    names: ['connect.influx.window.ms'],
    type: 'LONG',
    importance: 'LOW',
    about: 'longest time that one round asks for, in ms',
    schema: wholeNumber(1_000, 2_592_000_000).default(3_600_000),
  },
  partitions: {
    names: ['topic.creation.default.partitions'],
    type: 'INT',
    importance: 'LOW',
    about: 'partitions of the topic when it is made',
    schema: wholeNumber(1, 100).default(1),
  },
} as const satisfies DefinitionTable;
