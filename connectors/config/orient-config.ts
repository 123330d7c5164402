import { z } from 'zod';
import { text, wholeNumber } from '../../common/setting-types.ts';
import { errorPolicy, maxRetries, SINK_CONFIG } from './common-config.ts';
import type { DefinitionTable } from './definition.ts';

const STANDARD_PORT = 2424;

const remote = z
  .string()
  .regex(/^(remote:)?[^:/\s]+(:\d{1,5})?\/[A-Za-z0-9_-]+$/, 'expected remote:host[:port]/database')
  .transform((url) => {
    const [, host, port, database] = /^(?:remote:)?([^:/]+)(?::(\d+))?\/(.+)$/.exec(url)!;
    return { host: host!, port: Number(port ?? STANDARD_PORT), database: database! };
  });

export const ORIENT_SINK_CONFIG = {
  ...SINK_CONFIG,
  url: {
    names: ['connect.orient.url', 'tinkerpop3.url'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'remote:host[:port]/database, which must exist',
    schema: remote,
  },
  user: {
    names: ['connect.orient.user', 'tinkerpop3.user'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'user of the database',
    schema: text,
  },
  password: {
    names: ['connect.orient.password', 'tinkerpop3.password'],
    type: 'PASSWORD',
    importance: 'HIGH',
    about: 'password of the user',
    schema: text,
  },
  kcql: {
    names: ['connect.orient.kcql'],
    type: 'STRING',
    importance: 'HIGH',
    about:
      'what to make of the records: vertices of a class; empty: registrations as the graph of servers, devices and objects',
    schema: z.string().optional(),
  },
  errorPolicy: {
    names: ['connect.orient.error.policy'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'when the store fails: RETRY, THROW ends the task, NOOP drops the batch',
    schema: errorPolicy,
  },
  maxRetries: {
    names: ['connect.orient.max.retries', 'orientdb.max.retries'],
    type: 'INT',
    importance: 'MEDIUM',
    about: 'attempts after the first before RETRY ends the task; -1 for ever',
    schema: maxRetries,
  },
  retryIntervalMs: {
    names: ['connect.orient.retry.interval', 'orientdb.retry.backoff.ms'],
    type: 'INT',
    importance: 'MEDIUM',
    about: 'longest pause between attempts, in ms',
    schema: wholeNumber(100, 3_600_000).default(60_000),
  },
} as const satisfies DefinitionTable;
