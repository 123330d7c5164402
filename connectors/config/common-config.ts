import { z } from 'zod';
import { messageOf } from '../../common/errors.ts';
import { list, oneOf, text, wholeNumber } from '../../common/setting-types.ts';
import type { DefinitionTable } from './definition.ts';
import { TopicPattern } from './topic-pattern.ts';

const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
/** Most topics of one connector; of those that match an expression the first, by name. */
export const TOPICS_LIMIT = 2_000;
export const topicList = list
  .refine((topics) => topics.length <= TOPICS_LIMIT, `at most ${TOPICS_LIMIT} topics`)
  .refine((topics) => topics.every((topic) => TOPIC.test(topic)), 'each topic: letters, digits, dot, dash, underscore');
/** Undefined when empty. */
const topicPattern = z.string().transform((given, context) => {
  if (given === '') return undefined;
  try {
    return new TopicPattern(given);
  } catch (error) {
    context.addIssue(messageOf(error));
    return z.NEVER;
  }
});
export const topicName = z.string().regex(TOPIC, 'expected the name of a topic');

export const yesNo = z
  .string()
  .transform((value) => value.trim().toLowerCase())
  .pipe(oneOf('true', 'false'))
  .transform((value) => value === 'true');

/** Highest number of tasks of one connector. */
export const TASKS_LIMIT = 64;

export const ERROR_POLICIES = ['NOOP', 'THROW', 'RETRY'] as const;
export type ErrorPolicy = (typeof ERROR_POLICIES)[number];

export const errorPolicy = z
  .string()
  .transform((value) => value.toUpperCase())
  .pipe(oneOf(...ERROR_POLICIES))
  .default('RETRY');

/** -1: for ever. */
export const maxRetries = z
  .string()
  .regex(/^(-1|\d{1,9})$/, 'expected a whole number from 0, or -1 for ever')
  .transform(Number)
  .default(-1);

export const CONNECTOR_NAME = /^[^\s/\\]{1,128}$/;

export const CONNECTOR_CONFIG = {
  name: {
    names: ['name'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'name of the connector',
    schema: z.string().regex(CONNECTOR_NAME, 'expected 1 to 128 characters without blanks and slashes'),
  },
  connectorClass: {
    names: ['connector.class'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'which connector it is',
    schema: text,
  },
  tasksMax: {
    names: ['tasks.max'],
    type: 'INT',
    importance: 'HIGH',
    about: `most tasks, 1 to ${TASKS_LIMIT}`,
    schema: wholeNumber(1, TASKS_LIMIT).default(1),
  },
} as const satisfies DefinitionTable;

const AVRO = /(^|\.)AvroConverter$/;

export const SINK_CONFIG = {
  ...CONNECTOR_CONFIG,
  topics: {
    names: ['topics'],
    type: 'LIST',
    importance: 'HIGH',
    about: 'topics to take, with commas; or topics.regex',
    schema: topicList.default([]),
  },
  topicsRegex: {
    names: ['topics.regex'],
    type: 'STRING',
    importance: 'HIGH',
    about: 'regular expression over whole names of topics: takes those that match, also ones that are made later',
    schema: topicPattern.optional(),
  },
  errorsTolerance: {
    names: ['errors.tolerance'],
    type: 'STRING',
    importance: 'MEDIUM',
    about: '`all`: a record that cannot be stored is set aside; `none`: it ends the task',
    schema: oneOf('none', 'all').default('all'),
  },
  deadLetterTopic: {
    names: ['errors.deadletterqueue.topic.name'],
    type: 'STRING',
    importance: 'MEDIUM',
    about: 'where records are set aside; `<topic>.dlq` when empty',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9._-]{0,249}$/, 'expected the name of a topic')
      .default(''),
  },
  batchRecords: {
    names: ['batch.records', 'consumer.override.max.poll.records'],
    type: 'INT',
    importance: 'MEDIUM',
    about: 'most records in one write to the store',
    schema: wholeNumber(1, 50_000).default(10_000),
  },
  batchBytes: {
    names: ['batch.bytes', 'consumer.override.max.partition.fetch.bytes'],
    type: 'INT',
    importance: 'MEDIUM',
    about: 'largest fetch from one partition, in bytes; bounds the memory of a waiting batch',
    schema: wholeNumber(16_384, 67_108_864).default(2_097_152),
  },
  batchAgeMs: {
    names: ['batch.age.ms', 'consumer.override.fetch.max.wait.ms'],
    type: 'INT',
    importance: 'MEDIUM',
    about: 'how long a batch that is not full waits for more records, in ms; 0 not at all',
    schema: wholeNumber(0, 2_000).default(0),
  },
  valueConverter: {
    names: ['value.converter'],
    type: 'STRING',
    importance: 'LOW',
    about: 'records are Avro with the schema id of a registry',
    schema: z
      .string()
      .regex(AVRO, 'expected io.confluent.connect.avro.AvroConverter')
      .default('io.confluent.connect.avro.AvroConverter'),
  },
  registryUrl: {
    names: ['value.converter.schema.registry.url'],
    type: 'STRING',
    importance: 'MEDIUM',
    about: 'schema registry of the topics; that of the worker when empty',
    schema: z
      .string()
      .regex(/^(https?:\/\/\S+)?$/, 'expected an http:// or https:// address')
      .default('')
      .transform((url) => url.replace(/\/+$/, '')),
  },
  topicCheckMs: {
    names: ['topic.check.ms'],
    type: 'INT',
    importance: 'LOW',
    about: 'pause between looks for topics that are not there yet, in ms',
    schema: wholeNumber(100, 3_600_000).default(3_000),
  },
} as const satisfies DefinitionTable;

/** Settings of Kafka Connect that other connectors have and that change nothing here. */
export const WITHOUT_EFFECT: readonly RegExp[] = [
  /^(key|header)\.converter(\.|$)/,
  /^value\.converter\./,
  /^errors\.(retry\.|log\.)/,
  /^errors\.deadletterqueue\.(topic\.replication\.factor|context\.headers\.enable)$/,
  /^config\.action\.reload$/,
  /^(consumer|producer|admin)\.override\./,
  /^topic\.creation\./,
  /^connect\.progress\.enabled$/,
  /^connect\.influx\.consistency\.level$/,
];
