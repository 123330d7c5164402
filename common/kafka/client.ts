import { createRequire } from 'node:module';
import type { Kafka as KafkaClass, LogEntry } from 'kafkajs';
import type { Log } from '../log.ts';
import { Kafka, logLevel, Partitioners } from './kafkajs.ts';

/** One set of brokers. Connections are opened by the producers, consumers and admins made from it. */
export type KafkaCluster = KafkaClass;

/** By the hash of the key, as Java clients do; where there is one partition the hash is not needed, and kafkajs computes it slowly. */
export function partitionByKey(): ReturnType<typeof Partitioners.DefaultPartitioner> {
  const byHash = Partitioners.DefaultPartitioner();
  return (record) => (record.partitionMetadata.length === 1 ? (record.message.partition ?? 0) : byHash(record));
}

export interface KafkaAddress {
  /** host:port list */
  readonly brokers: readonly string[];
  readonly clientId: string;
}

/** First and longest pause between attempts to reach a broker; attempts per call before the caller's own loop takes over. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 3_000, retries: 6, factor: 0.2, multiplier: 2 };

export function connectKafka(address: KafkaAddress, log: Log): KafkaCluster {
  stopIdleTimerOfRequestQueue();
  return new Kafka({
    brokers: [...address.brokers],
    clientId: address.clientId,
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    retry: RETRY,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => forwardLogLine(entry, log),
  });
}

/** kafkajs calls a lost connection an error and says so at each attempt; for us it is an outage that the services report once. */
function forwardLogLine({ namespace, log: { message, error } }: LogEntry, log: Log): void {
  log.debug({ kafka: namespace, reason: error }, message);
}

interface RequestQueueInternals {
  pending: readonly unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

let patched = false;

/**
 * kafkajs 2.2.4 re-arms a timer with a negative delay after every check, which Node ≥ 24 turns into a warning and a 1 ms loop for
 * each idle connection (tulios/kafkajs#1751). The check is needed only while requests wait or the broker throttles.
 */
function stopIdleTimerOfRequestQueue(): void {
  if (patched) return;
  patched = true;
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueueInternals;
  };
  const schedule = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function scheduleWhenNeeded(this: RequestQueueInternals) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}
