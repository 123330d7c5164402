import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { brokerAddresses } from './addresses.ts';
import { BROKER_ERROR, brokerError, brokerErrorName } from './broker-errors.ts';
import { type BrokerAddress, BrokerConnection, type ConnectionOptions } from './connection.ts';
import { firstToOpen } from './first-to-open.ts';
import type { FrameMemory } from './frame-pool.ts';
import { FIND_COORDINATOR } from './requests/find-coordinator.ts';
import { METADATA, type MetadataResponse, type TopicMetadata } from './requests/metadata.ts';
import type { SecurityOptions } from './security.ts';

export interface ClusterOptions {
  /** host:port list, to begin with; the cluster names the others. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly security?: SecurityOptions;
  readonly log: Log;
  readonly onBytes?: (read: number, written: number) => void;
  /** As in `ConnectionOptions`, for all connections of the cluster. */
  readonly memory?: FrameMemory;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

export interface PartitionInfo {
  readonly partition: number;
  /** -1: none at present. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface TopicInfo {
  readonly id: string;
  /** Sorted by number. */
  readonly partitions: readonly PartitionInfo[];
}

/** Connections of the cluster's own questions. */
const METADATA_PURPOSE = 'metadata';
/** For requests that any broker answers. */
const ANY = -1;

/**
 * One Kafka cluster as seen from here. There is one connection per broker and purpose, opened when it is first asked for and again when it was closed
 * since; calls at the same time share the attempt. No call repeats itself: whoever calls backs off and calls again, after `forget()` when a broker said
 * that it is the wrong one.
 */
export class Cluster {
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #options: ConnectionOptions;
  readonly #log: Log;
  readonly #closing = new AbortController();
  readonly #nodes = new Map<number, BrokerAddress>();
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  readonly #coordinators = new Map<string, number>();
  #clusterId: string | undefined;

  /** @throws CONFIG_INVALID when an address is not host:port */
  constructor({ brokers, log, ...options }: ClusterOptions) {
    this.#bootstrap = brokerAddresses(brokers);
    this.#options = options;
    this.#log = log;
  }

  /** Never changes; asked for once. */
  async clusterId(): Promise<string> {
    if (this.#clusterId === undefined) await this.#metadata([]);
    if (this.#clusterId === undefined) throw new PlatformError('KAFKA_UNAVAILABLE', 'the cluster has no id yet');
    return this.#clusterId;
  }

  /**
   * As the cluster has them now; a topic that is not in the answer does not exist.
   *
   * @throws KAFKA_REFUSED when a topic may not be seen or named so
   */
  async topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicInfo>> {
    if (names.length === 0) return new Map();
    const { topics } = await this.#metadata(names);
    const found = new Map<string, TopicInfo>();
    for (const topic of topics) {
      if (topic.errorCode === BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION || topic.name === null) continue;
      if (topic.errorCode !== 0) throw brokerError(topic.errorCode, `asking for topic ${topic.name}`);
      found.set(topic.name, topicInfo(topic));
    }
    return found;
  }

  /** @param purpose connections of different purposes never wait for each other */
  connection(nodeId: number, purpose: string): Promise<BrokerConnection> {
    return this.#shared(nodeId, purpose, (signal) => this.#openNode(nodeId, signal));
  }

  anyConnection(purpose: string): Promise<BrokerConnection> {
    return this.#shared(ANY, purpose, (signal) => this.#openAny(signal));
  }

  /** Connection to the broker that keeps the transactional id, which is asked for once until `forget()`. */
  async transactionCoordinator(transactionalId: string, purpose: string): Promise<BrokerConnection> {
    const nodeId = this.#coordinators.get(transactionalId) ?? (await this.#findCoordinator(transactionalId));
    try {
      return await this.connection(nodeId, purpose);
    } catch (error) {
      this.#coordinators.delete(transactionalId);
      throw error;
    }
  }

  /** What the cluster said about its brokers is asked for anew when it is needed next. Open connections stay. */
  forget(): void {
    this.#coordinators.clear();
    this.#nodes.clear();
  }

  /** Closes all connections; what waits is rejected, and so is every later call. */
  async close(): Promise<void> {
    this.#closing.abort();
    const opened = await Promise.allSettled(this.#connections.values());
    for (const result of opened) if (result.status === 'fulfilled') result.value.close();
    this.#connections.clear();
  }

  async #metadata(names: readonly string[]): Promise<MetadataResponse> {
    const connection = await this.anyConnection(METADATA_PURPOSE);
    const answer = await connection.request(METADATA, { topics: names.map((name) => ({ name })) });
    this.#nodes.clear();
    if (answer.errorCode !== 0) {
      connection.close(); // the next one is opened to an address of the settings
      throw new PlatformError('KAFKA_UNAVAILABLE', `metadata: ${brokerErrorName(answer.errorCode)}`);
    }
    for (const { nodeId, host, port } of answer.brokers) this.#nodes.set(nodeId, { host, port });
    this.#clusterId ??= answer.clusterId ?? undefined;
    return answer;
  }

  async #findCoordinator(transactionalId: string): Promise<number> {
    const connection = await this.anyConnection(METADATA_PURPOSE);
    const { errorCode, message, nodeId, host, port } = await connection.request(FIND_COORDINATOR, { transactionalId });
    if (errorCode !== 0) throw brokerError(errorCode, `finding the coordinator of ${transactionalId}`, message);
    this.#nodes.set(nodeId, { host, port });
    this.#coordinators.set(transactionalId, nodeId);
    return nodeId;
  }

  async #shared(
    nodeId: number,
    purpose: string,
    open: (signal: AbortSignal) => Promise<BrokerConnection>,
  ): Promise<BrokerConnection> {
    const key = `${nodeId} ${purpose}`;
    const known = this.#connections.get(key);
    if (known !== undefined) {
      const connection = await known;
      if (!connection.closed) return connection;
      // Another caller may have opened the next one meanwhile.
      if (this.#connections.get(key) !== known) return this.#shared(nodeId, purpose, open);
    }
    if (this.#closing.signal.aborted) throw new PlatformError('KAFKA_UNAVAILABLE', 'the cluster was closed here');
    const opening = open(this.#closing.signal);
    this.#connections.set(key, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
      throw error;
    }
  }

  async #openNode(nodeId: number, signal: AbortSignal): Promise<BrokerConnection> {
    if (!this.#nodes.has(nodeId)) await this.#metadata([]);
    const address = this.#nodes.get(nodeId);
    if (address === undefined) {
      throw new PlatformError('KAFKA_UNAVAILABLE', `the cluster has no broker ${nodeId} at present`);
    }
    try {
      return await BrokerConnection.open(address, this.#options, signal);
    } catch (error) {
      this.#nodes.delete(nodeId); // it may be elsewhere by now
      throw error;
    }
  }

  /** Brokers that the cluster named come first: the addresses to begin with may be long out of date. */
  async #openAny(signal: AbortSignal): Promise<BrokerConnection> {
    const addresses = new Map(
      [...shuffled(this.#nodes.values()), ...shuffled(this.#bootstrap)].map((address) => [
        `${address.host}:${address.port}`,
        address,
      ]),
    );
    return firstToOpen([...addresses.values()], (address, raceSignal) => {
      const opening = BrokerConnection.open(address, this.#options, AbortSignal.any([signal, raceSignal]));
      opening.catch((error) =>
        this.#log.debug(
          { broker: address, reason: messageOf(error), retriable: isRetriable(error) },
          'broker not reached',
        ),
      );
      return opening;
    });
  }
}

function topicInfo({ topicId, partitions }: TopicMetadata): TopicInfo {
  return {
    id: topicId,
    partitions: partitions
      .map(({ partition, leader, leaderEpoch }) => ({ partition, leader, leaderEpoch }))
      .sort((a, b) => a.partition - b.partition),
  };
}

function shuffled<T>(items: Iterable<T>): T[] {
  return [...items]
    .map((item) => ({ item, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
