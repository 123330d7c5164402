import type { KafkaCluster } from './client.ts';
import { type AnsweredPartition, readFetchAnswer } from './fetch-answer.ts';
import { FetchedRecords } from './fetched-records.ts';
import { connectForFrames, FrameMemory } from './frame-socket.ts';
import { clusterMaker, kafkajsError } from './kafkajs-fetch.ts';
import './kafkajs.ts';

/** What stands in the place of the messages that kafkajs would have decoded: all that was fetched of a partition, under its last offset. */
export interface ByteMessage {
  readonly offset: string;
  readonly fetched: AnsweredPartition;
  /** Where the next fetch goes on. */
  readonly next: number;
  /** The bytes are used no longer, so that their memory may be used again; without it they are left to the collector. */
  release(): void;
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

interface InnerConnection {
  readonly ssl?: unknown;
  /** While it signs in. */
  readonly authHandlers: unknown;
  readonly requestQueue: {
    fulfillRequest(o: { readonly size: number; readonly correlationId: number; readonly payload: Buffer }): void;
  };
  socketFactory: unknown;
  processData(bytes: Buffer): void;
}

interface InnerBroker {
  /** Of connections: one for fetches, one for all else. */
  readonly connectionPool: { readonly pool: readonly InnerConnection[] };
  lookupRequest(key: number, definition: unknown): (o: FetchRequest) => FetchProtocol;
  fetch(o: FetchRequest): Promise<unknown>;
}

interface InnerCluster {
  findBroker(o: object): Promise<InnerBroker>;
}

/** The layout that `readFetchAnswer` knows; the highest version that kafkajs asks for, and every broker since 2.3 has it. */
const FETCH_VERSION = 11;
/** Of an answer: its length, and the number of its request. */
const LENGTH_BYTES = 4;
const HEADER_BYTES = LENGTH_BYTES + 4;
/** Place of a broker's connection for fetches in its pool. */
const FETCH_CONNECTION = 1;

/**
 * The same Kafka, whose consumers are given batches with one ByteMessage instead of messages: kafkajs joins, fetches and commits as ever,
 * and no record is decoded.
 */
export function fetchingBytes(kafka: KafkaCluster): KafkaCluster {
  const symbol = clusterMaker(kafka);
  const makeCluster = (kafka as unknown as Record<symbol, (o: object) => InnerCluster>)[symbol]!;
  const memory = new FrameMemory();
  return Object.create(kafka, {
    [symbol]: {
      value: (o: object) => {
        const cluster = makeCluster(o);
        const findBroker = cluster.findBroker.bind(cluster);
        cluster.findBroker = async (which) => withByteFetch(await findBroker(which), memory);
        return cluster;
      },
    },
  }) as KafkaCluster;
}

const changed = new WeakSet<object>();

function withByteFetch(broker: InnerBroker, memory: FrameMemory): InnerBroker {
  if (changed.has(broker)) return broker;
  changed.add(broker);
  const { fetch } = broker;
  // Its own fetch, in which only the reading of the answer is another; connecting anew changes `lookupRequest` of the broker.
  const view = Object.create(broker, {
    lookupRequest: {
      value: (key: number, definition: unknown) => {
        const protocol = broker.lookupRequest(key, definition);
        return (request: FetchRequest) => byteProtocol(request, protocol(request), memory);
      },
    },
  }) as InnerBroker;
  broker.fetch = (request) => {
    receiveFrames(broker.connectionPool.pool[FETCH_CONNECTION]!, memory);
    return fetch.call(view, request);
  };
  return broker;
}

/** From its next connecting on, and it has not connected before the first fetch. kafkajs itself would copy each frame once more. */
function receiveFrames(connection: InnerConnection, memory: FrameMemory): void {
  if (changed.has(connection) || (connection.ssl !== undefined && connection.ssl !== null)) return;
  changed.add(connection);
  const processData = connection.processData.bind(connection);
  connection.socketFactory = (o: Parameters<typeof connectForFrames>[0]) => connectForFrames(o, memory);
  connection.processData = (frame) => {
    if (connection.authHandlers) processData(frame);
    else {
      const size = frame.length - LENGTH_BYTES;
      const correlationId = frame.readInt32BE(LENGTH_BYTES);
      connection.requestQueue.fulfillRequest({ size, correlationId, payload: frame.subarray(HEADER_BYTES) });
    }
  };
}

function byteProtocol(asked: FetchRequest, { request, response }: FetchProtocol, memory: FrameMemory): FetchProtocol {
  if (request.apiVersion !== FETCH_VERSION) throw kafkajsError('UNSUPPORTED_VERSION');
  return {
    request,
    response: { decode: async (body) => readBytes(asked, body, memory), parse: (one) => response.parse(one) },
  };
}

function readBytes({ topics }: FetchRequest, body: Buffer, memory: FrameMemory): unknown {
  const from = new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, fetchOffset }) => [`${topic}/${partition}`, Number(fetchOffset)]),
    ),
  );
  const answer = readFetchAnswer(body);
  let inUse = 0;
  const release = () => {
    if (--inUse === 0) memory.give(body);
  };
  const messagesOf = (fetched: AnsweredPartition, at: number): readonly ByteMessage[] => {
    const next = FetchedRecords.endOf(fetched.bytes, at);
    if (next === at) return [];
    inUse++;
    return [{ offset: String(next - 1), fetched, next, release }];
  };
  const responses = answer.topics.map(({ topic, partitions }) => ({
    topicName: topic,
    partitions: partitions.map((fetched) =>
      answerOf(fetched, messagesOf(fetched, from.get(`${topic}/${fetched.partition}`) ?? 0)),
    ),
  }));
  if (inUse === 0) memory.give(body);
  return { throttleTime: 0, responses };
}

/** In the shape that kafkajs's consumer expects; aborted transactions are passed over when the records are read. */
function answerOf(fetched: AnsweredPartition, messages: readonly ByteMessage[]): object {
  const { partition, errorCode, highWatermark, preferredReadReplica } = fetched;
  return {
    ...{ partition, errorCode, highWatermark: String(highWatermark), preferredReadReplica },
    abortedTransactions: [],
    messages,
  };
}
