import type { Api } from '../../../../replicator/wire/api.ts';
import { ADD_PARTITIONS_TO_TXN } from '../../../../replicator/wire/requests/add-partitions-to-txn.ts';
import { API_VERSIONS } from '../../../../replicator/wire/requests/api-versions.ts';
import { CREATE_PARTITIONS } from '../../../../replicator/wire/requests/create-partitions.ts';
import { CREATE_TOPICS } from '../../../../replicator/wire/requests/create-topics.ts';
import { DESCRIBE_CONFIGS } from '../../../../replicator/wire/requests/describe-configs.ts';
import { END_TXN } from '../../../../replicator/wire/requests/end-txn.ts';
import { FETCH } from '../../../../replicator/wire/requests/fetch.ts';
import { FIND_COORDINATOR } from '../../../../replicator/wire/requests/find-coordinator.ts';
import { INCREMENTAL_ALTER_CONFIGS } from '../../../../replicator/wire/requests/incremental-alter-configs.ts';
import { INIT_PRODUCER_ID } from '../../../../replicator/wire/requests/init-producer-id.ts';
import { LIST_OFFSETS } from '../../../../replicator/wire/requests/list-offsets.ts';
import { METADATA } from '../../../../replicator/wire/requests/metadata.ts';
import { OFFSET_FOR_LEADER_EPOCH } from '../../../../replicator/wire/requests/offset-for-leader-epoch.ts';
import { PRODUCE } from '../../../../replicator/wire/requests/produce.ts';
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from '../../../../replicator/wire/requests/sasl.ts';

/** The values that the messages of vectors/kafka-wire.json were written from. */
export interface Sample {
  readonly api: Api<unknown, unknown>;
  readonly kind: string;
  readonly value: unknown;
  /** Where a version reads differently. */
  readonly in?: Readonly<Record<number, unknown>>;
  /** Bytes at the end that are not read. */
  readonly unread: number;
}

function request<Req>(api: Api<Req, unknown>, value: Req, kind = 'request'): Sample {
  return { api: api as Api<unknown, unknown>, kind, value, unread: 0 };
}

function response<Res>(
  api: Api<never, Res>,
  value: Res,
  more: { kind?: string; unread?: number; in?: Record<number, Res> } = {},
): Sample {
  const { kind = 'response', unread = 1 } = more;
  return { api: api as unknown as Api<unknown, unknown>, kind, value, unread, ...(more.in ? { in: more.in } : {}) };
}

const TOPIC_ID = 'ASNFZ4mrze_-3LqYdlQyEA';
/** Beyond what a double can tell apart. */
const PRODUCER_ID = 9007199254740993n;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const PRODUCED = {
  timeoutMs: 30_000,
  topics: [
    {
      topic: 'iot.gw.observations',
      partitions: [
        { partition: 1, batch: [hex('0011'), hex('2233'), hex('44')] },
        { partition: 2, batch: [hex('55')] },
      ],
    },
  ],
};

export const REQUESTS: readonly Sample[] = [
  request(FETCH, {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 52_428_800,
    isolation: 'read_committed',
    topics: [
      {
        topicId: TOPIC_ID,
        partitions: [
          {
            partition: 3,
            currentLeaderEpoch: 7,
            fetchOffset: Number.MAX_SAFE_INTEGER,
            lastFetchedEpoch: 6,
            maxBytes: 1_048_576,
          },
          { partition: 4, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, maxBytes: 2 },
        ],
      },
    ],
  }),
  request(PRODUCE, { transactionalId: 'tx', ...PRODUCED }),
  request(PRODUCE, { transactionalId: null, ...PRODUCED }, 'request without transaction'),
  request(METADATA, { topics: [{ name: 'a' }, { topicId: TOPIC_ID }] }),
  request(METADATA, { topics: null }, 'request for all'),
  request(LIST_OFFSETS, {
    isolation: 'read_committed',
    topics: [
      {
        topic: 'a',
        partitions: [
          { partition: 0, timestamp: -2 },
          { partition: 1, timestamp: 1_760_000_000_000 },
        ],
      },
    ],
  }),
  request(INIT_PRODUCER_ID, { transactionalId: 'tx', transactionTimeoutMs: 60_000 }),
  request(INIT_PRODUCER_ID, { transactionalId: null, transactionTimeoutMs: 60_000 }, 'request without transaction'),
  request(FIND_COORDINATOR, { transactionalId: 'tx' }),
  request(ADD_PARTITIONS_TO_TXN, {
    transactionalId: 'tx',
    producerId: PRODUCER_ID,
    producerEpoch: 5,
    topics: [{ topic: 'a', partitions: [0, 2] }],
  }),
  request(END_TXN, { transactionalId: 'tx', producerId: PRODUCER_ID, producerEpoch: 5, committed: true }),
  request(CREATE_TOPICS, {
    topics: [{ name: 'a', partitions: 4, replicationFactor: -1, configs: { 'cleanup.policy': 'compact' } }],
    timeoutMs: 5_000,
    validateOnly: true,
  }),
  request(CREATE_PARTITIONS, { topics: [{ name: 'a', count: 8 }], timeoutMs: 5_000 }),
  request(DESCRIBE_CONFIGS, {
    resources: [
      { type: 'topic', name: 'a', keys: ['cleanup.policy'] },
      { type: 'broker', name: '1' },
    ],
  }),
  request(INCREMENTAL_ALTER_CONFIGS, {
    resources: [{ type: 'topic', name: 'a', set: { 'retention.ms': '1000', 'cleanup.policy': null } }],
  }),
  request(OFFSET_FOR_LEADER_EPOCH, {
    topics: [{ topic: 'a', partitions: [{ partition: 1, currentLeaderEpoch: 9, leaderEpoch: 4 }] }],
  }),
  request(API_VERSIONS, { softwareName: 'zeelos', softwareVersion: '1' }),
  request(SASL_HANDSHAKE, { mechanism: 'PLAIN' }),
  request(SASL_AUTHENTICATE, { authBytes: Uint8Array.of(0, 1, 2) }),
];

const FETCHED = {
  errorCode: 0,
  partitions: [
    {
      topicId: TOPIC_ID,
      partition: 3,
      errorCode: 0,
      highWatermark: 2 ** 32,
      lastStableOffset: 2 ** 32 - 1,
      logStartOffset: 17,
      aborted: [
        { producerId: 2n ** 63n - 1n, firstOffset: 21 },
        { producerId: 4n, firstOffset: 22 },
      ],
      records: hex('00112233445566778899aabbccddeeff'),
    },
    {
      topicId: TOPIC_ID,
      partition: 4,
      errorCode: 6,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      aborted: [],
      records: Buffer.alloc(0),
      divergingEpoch: { epoch: 5, endOffset: 1234 },
      currentLeader: { leader: 2, leaderEpoch: 9 },
    },
  ],
};

const METADATA_13 = {
  errorCode: 129,
  clusterId: 'cluster',
  brokers: [
    { nodeId: 1, host: '127.0.0.1', port: 29_092 },
    { nodeId: 2, host: 'b', port: 9_092 },
  ],
  topics: [
    {
      errorCode: 0,
      name: 'a',
      topicId: TOPIC_ID,
      partitions: [
        { partition: 0, leader: 1, leaderEpoch: 4, errorCode: 0 },
        { partition: 1, leader: -1, leaderEpoch: -1, errorCode: 5 },
      ],
    },
    { errorCode: 100, name: null, topicId: TOPIC_ID, partitions: [] },
  ],
};

const RANGES = new Map<number, readonly [number, number]>([
  [1, [4, 18]],
  [18, [0, 4]],
]);

export const RESPONSES: readonly Sample[] = [
  response(FETCH, FETCHED, { unread: 0 }),
  response(FETCH, FETCHED, { kind: 'response with endpoints', unread: 0 }),
  response(
    PRODUCE,
    [
      { topic: 'iot.gw.observations', partition: 1, errorCode: 0, baseOffset: 2 ** 32 + 1 },
      { topic: 'iot.gw.observations', partition: 2, errorCode: 87, baseOffset: -1, message: 'bad records' },
    ],
    { unread: 0 },
  ),
  response(METADATA, METADATA_13, { in: { 12: { ...METADATA_13, errorCode: 0 } } }),
  response(LIST_OFFSETS, [{ topic: 'a', partition: 0, errorCode: 0, timestamp: -1, offset: 2 ** 33, leaderEpoch: 3 }]),
  response(INIT_PRODUCER_ID, { errorCode: 0, producerId: PRODUCER_ID, producerEpoch: 32_766 }),
  response(FIND_COORDINATOR, { errorCode: 0, nodeId: 2, host: 'b', port: 9_092 }),
  response(ADD_PARTITIONS_TO_TXN, [
    { topic: 'a', partition: 0, errorCode: 0 },
    { topic: 'a', partition: 2, errorCode: 55 },
  ]),
  response(
    END_TXN,
    { errorCode: 0, producerId: PRODUCER_ID, producerEpoch: 6 },
    { in: { 3: { errorCode: 0 }, 4: { errorCode: 0 } } },
  ),
  response(END_TXN, { errorCode: 90 }, { kind: 'response with error' }),
  response(CREATE_TOPICS, [
    { name: 'a', topicId: TOPIC_ID, errorCode: 36, message: 'it exists' },
    { name: 'b', topicId: TOPIC_ID, errorCode: 0 },
  ]),
  response(CREATE_PARTITIONS, [{ name: 'a', errorCode: 37, message: 'has as many' }]),
  response(DESCRIBE_CONFIGS, [
    {
      name: 'a',
      errorCode: 0,
      configs: new Map([
        ['cleanup.policy', { value: 'compact', source: 'topic', readOnly: false }],
        ['secret', { value: null, source: 'unknown', readOnly: true }],
      ] as const),
    },
  ]),
  response(INCREMENTAL_ALTER_CONFIGS, [{ name: 'a', errorCode: 40, message: 'no' }]),
  response(OFFSET_FOR_LEADER_EPOCH, [{ topic: 'a', partition: 1, errorCode: 0, leaderEpoch: 4, endOffset: 77 }]),
  response(
    API_VERSIONS,
    {
      errorCode: 0,
      ranges: RANGES,
      features: new Map([
        ['transaction.version', 2],
        ['metadata.version', 30],
      ]),
    },
    { unread: 0 },
  ),
  response(
    API_VERSIONS,
    { errorCode: 35, ranges: RANGES, features: new Map() },
    { kind: 'response unsupported', unread: 0 },
  ),
  response(SASL_HANDSHAKE, { errorCode: 33, mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512'] }, { unread: 0 }),
  response(SASL_AUTHENTICATE, {
    errorCode: 58,
    message: 'no',
    authBytes: Buffer.of(3),
    sessionLifetimeMs: 3_600_000,
  }),
];
