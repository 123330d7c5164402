import { createRequire } from 'node:module';
import { PlatformError } from '../errors.ts';
import type { KafkaCluster } from './client.ts';
import { type FetchedPartition, readFetchAnswer } from './fetch-answer.ts';
import './kafkajs.ts';

const load = createRequire(import.meta.url);

export interface PartitionRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

/** The parts of kafkajs's cluster and broker that are needed here. */
export interface InnerCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
  findBroker(o: { nodeId: string }): Promise<InnerBroker>;
  findGroupCoordinator(o: { groupId: string }): Promise<unknown>;
}

interface InnerBroker {
  readonly connectionPool: { send(o: { request: unknown; response: ResponseReader; requestTimeout: number }): unknown };
}

interface ResponseReader {
  decode(body: Buffer): Promise<FetchedPartition & { errorCode: number }>;
  parse<T>(answer: T): Promise<T>;
}

type EncodeFetch = (o: object) => unknown;

/** The highest version that kafkajs writes (KIP-392); Kafka 4 still takes it. */
const encodeFetch = load('kafkajs/src/protocol/requests/fetch/v11/request') as EncodeFetch;
const { createErrorFromCode, errorCodes } = load('kafkajs/src/protocol/error') as {
  createErrorFromCode(code: number): Error;
  errorCodes: readonly { readonly type: string; readonly code: number }[];
};
const OFFSET_OUT_OF_RANGE = errorCodes.find(({ type }) => type === 'OFFSET_OUT_OF_RANGE')!.code;
const CONSUMER_REPLICA_ID = -1;
const READ_COMMITTED = 1;
const ANSWER_GRACE_MS = 30_000;

/** Connections of their own to the brokers of `kafka`. */
export function openInnerCluster(kafka: KafkaCluster): InnerCluster {
  const makeCluster = (kafka as unknown as Record<symbol, (o: object) => InnerCluster>)[clusterMaker(kafka)]!;
  return makeCluster({ metadataMaxAge: 300_000, allowAutoTopicCreation: false, maxInFlightRequests: 1 });
}

const CREATE_CLUSTER = 'private:Kafka:createCluster';

/** Under which symbol kafkajs keeps the function that makes its clusters. */
export function clusterMaker(kafka: KafkaCluster): symbol {
  return Object.getOwnPropertySymbols(kafka).find(({ description }) => description === CREATE_CLUSTER)!;
}

/** Errors: KAFKA_OFFSET_GONE; what kafkajs throws. */
export async function fetchPartition(cluster: InnerCluster, o: PartitionRequest): Promise<FetchedPartition> {
  await cluster.refreshMetadataIfNecessary();
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(o.topic, [o.partition]));
  if (nodeId === undefined) throw kafkajsError('UNKNOWN_TOPIC_OR_PARTITION');
  const broker = await cluster.findBroker({ nodeId });
  const request = encodeFetch({
    replicaId: CONSUMER_REPLICA_ID,
    isolationLevel: READ_COMMITTED,
    maxWaitTime: o.maxWaitMs,
    minBytes: 1,
    maxBytes: o.maxBytes,
    topics: [{ topic: o.topic, partitions: [{ partition: o.partition, fetchOffset: o.offset, maxBytes: o.maxBytes }] }],
  });
  const response: ResponseReader = { decode: async (body) => readAnswer(body), parse: async (answer) => answer };
  const requestTimeout = o.maxWaitMs + ANSWER_GRACE_MS;
  const answer = (await broker.connectionPool.send({ request, response, requestTimeout })) as Awaited<
    ReturnType<ResponseReader['decode']>
  >;
  if (answer.errorCode === OFFSET_OUT_OF_RANGE)
    throw new PlatformError('KAFKA_OFFSET_GONE', `${o.topic}/${o.partition} has no offset ${o.offset}`);
  if (answer.errorCode !== 0) throw createErrorFromCode(answer.errorCode);
  return answer;
}

/** kafkajs's own error of a broker's answer. @param type its name, as `UNKNOWN_TOPIC_OR_PARTITION` */
export function kafkajsError(type: string): Error {
  return createErrorFromCode(errorCodes.find((row) => row.type === type)!.code);
}

function readAnswer(body: Buffer): FetchedPartition & { errorCode: number } {
  const { errorCode, topics } = readFetchAnswer(body);
  const [answered] = topics[0]?.partitions ?? [];
  return answered === undefined
    ? { ...NOTHING, errorCode }
    : { ...answered, errorCode: errorCode || answered.errorCode };
}

const NOTHING: FetchedPartition = {
  bytes: Buffer.alloc(0),
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  aborted: [],
};
