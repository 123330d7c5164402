import { createRequire } from 'node:module';
import type { KafkaCluster } from './client.ts';
import { type AnsweredPartition, readFetchAnswer } from './fetch-answer.ts';
import { FetchedRecords } from './fetched-records.ts';
import './kafkajs.ts';

const load = createRequire(import.meta.url);

/** What stands in the place of the messages that kafkajs would have decoded: all that was fetched of a partition, under its last offset. */
export interface ByteMessage {
  readonly offset: string;
  readonly fetched: AnsweredPartition;
  /** Where the next fetch goes on. */
  readonly next: number;
}

interface FetchProtocol {
  readonly request: { readonly apiVersion: number };
  readonly response: { decode(body: Buffer): Promise<unknown>; parse(answer: unknown): Promise<unknown> };
}

interface FetchRequest {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[];
  }[];
}

interface InnerBroker {
  lookupRequest(key: number, definition: unknown): (o: FetchRequest) => FetchProtocol;
  fetch(o: FetchRequest): Promise<unknown>;
}

interface InnerCluster {
  findBroker(o: object): Promise<InnerBroker>;
}

/** The layout that `readFetchAnswer` knows; the highest version that kafkajs asks for, and every broker since 2.3 has it. */
const FETCH_VERSION = 11;
const CREATE_CLUSTER = 'private:Kafka:createCluster';
const { createErrorFromCode, errorCodes } = load('kafkajs/src/protocol/error') as {
  createErrorFromCode(code: number): Error;
  errorCodes: readonly { readonly type: string; readonly code: number }[];
};
const UNSUPPORTED_VERSION = errorCodes.find(({ type }) => type === 'UNSUPPORTED_VERSION')!.code;

/**
 * The same Kafka, whose consumers are given batches with one ByteMessage instead of messages: kafkajs joins, fetches and commits as ever,
 * and no record is decoded.
 */
export function fetchingBytes(kafka: KafkaCluster): KafkaCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === CREATE_CLUSTER)!;
  const makeCluster = (kafka as unknown as Record<symbol, (o: object) => InnerCluster>)[symbol]!;
  return Object.create(kafka, {
    [symbol]: {
      value: (o: object) => {
        const cluster = makeCluster(o);
        const findBroker = cluster.findBroker.bind(cluster);
        cluster.findBroker = async (which) => withByteFetch(await findBroker(which));
        return cluster;
      },
    },
  }) as KafkaCluster;
}

const changed = new WeakSet<InnerBroker>();

function withByteFetch(broker: InnerBroker): InnerBroker {
  if (changed.has(broker)) return broker;
  changed.add(broker);
  const { fetch } = broker;
  // Its own fetch, in which only the reading of the answer is another; connecting anew changes `lookupRequest` of the broker.
  const view = Object.create(broker, {
    lookupRequest: {
      value: (key: number, definition: unknown) => {
        const protocol = broker.lookupRequest(key, definition);
        return (request: FetchRequest) => byteProtocol(request, protocol(request));
      },
    },
  }) as InnerBroker;
  broker.fetch = (request) => fetch.call(view, request);
  return broker;
}

function byteProtocol(asked: FetchRequest, { request, response }: FetchProtocol): FetchProtocol {
  if (request.apiVersion !== FETCH_VERSION) throw createErrorFromCode(UNSUPPORTED_VERSION);
  return { request, response: { decode: async (body) => readBytes(asked, body), parse: (one) => response.parse(one) } };
}

function readBytes({ topics }: FetchRequest, body: Buffer): unknown {
  const from = new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, fetchOffset }) => [`${topic}/${partition}`, Number(fetchOffset)]),
    ),
  );
  const answer = readFetchAnswer(body);
  return {
    throttleTime: 0,
    responses: answer.topics.map(({ topic, partitions }) => ({
      topicName: topic,
      partitions: partitions.map((fetched) => answerFor(fetched, from.get(`${topic}/${fetched.partition}`) ?? 0)),
    })),
  };
}

/** In the shape that kafkajs's consumer expects; aborted transactions are passed over when the records are read. */
function answerFor(fetched: AnsweredPartition, from: number): object {
  const { partition, errorCode, highWatermark, preferredReadReplica } = fetched;
  const next = FetchedRecords.endOf(fetched.bytes, from);
  const message: ByteMessage = { offset: String(next - 1), fetched, next };
  return {
    partition,
    errorCode,
    highWatermark: String(highWatermark),
    preferredReadReplica,
    abortedTransactions: [],
    messages: next > from ? [message] : [],
  };
}
