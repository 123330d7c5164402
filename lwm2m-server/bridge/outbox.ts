import type { PlatformError } from '../../common/errors.ts';
import type { CommittingProducer, OnCommitted, OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { encodeChecked, encoderFor } from '../../common/records.ts';
import type { SchemaSnapshot } from '../../common/schema-registry.ts';
import type { FrameEncoder } from '../../schemas/codec.ts';
import type {
  AvroKey,
  AvroRegistrationResponse,
  AvroResponse,
  AvroResponseObserve,
  ServerState,
} from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { COMMIT_BUCKETS, Latencies } from '../latencies.ts';

/** Endpoint names whose encoded key is kept, so that a busy device costs no key encoding; the oldest goes first. */
const KEPT_KEYS = 20_000;

/** Value of a record at most: below what the producer, and Kafka by default, take in one batch. */
export const MAX_RECORD_BYTES = 800_000;

type Producer = Pick<CommittingProducer, 'append' | 'appendAll' | 'commit' | 'backlog' | 'failingForMs'>;

/**
 * Makes the gateway's records and hands them to the producer, which keeps one order for all: what is appended first is committed first.
 * Everything throws what `CommittingProducer.append` throws, and AVRO_INVALID.
 */
export class Outbox {
  /** From a record handed over to its commit; one at a time is measured, so that the others pay nothing for it. */
  readonly commitLatency = new Latencies(COMMIT_BUCKETS);
  #isMeasuring = false;
  readonly #producer: Producer;
  readonly #topics: {
    readonly registrations: string;
    readonly observations: string;
    readonly replies: string;
    readonly requests: string;
    readonly state: string;
  };
  readonly #key: FrameEncoder<AvroKey>;
  readonly #registration: FrameEncoder<AvroRegistrationResponse>;
  readonly #observation: FrameEncoder<AvroResponseObserve>;
  readonly #reply: FrameEncoder<AvroResponse>;
  readonly #state: FrameEncoder<ServerState>;
  readonly #keys = new Map<string, Buffer>();

  constructor(gatewayId: string, snapshot: SchemaSnapshot, producer: Producer) {
    this.#producer = producer;
    const nameOf = (topic: keyof typeof TOPICS) => TOPICS[topic].nameFor(gatewayId);
    this.#topics = {
      registrations: nameOf('registrations'),
      observations: nameOf('observations'),
      replies: nameOf('replies'),
      requests: nameOf('requests'),
      state: nameOf('state'),
    };
    this.#key = encoderFor(snapshot, `${this.#topics.observations}-key`, 'io.zeelos.leshan.avro.AvroKey');
    this.#registration = encoderFor(snapshot, `${this.#topics.registrations}-value`, TOPICS.registrations.value);
    this.#observation = encoderFor(snapshot, `${this.#topics.observations}-value`, TOPICS.observations.value);
    this.#reply = encoderFor(snapshot, `${this.#topics.replies}-value`, TOPICS.replies.value);
    this.#state = encoderFor(snapshot, `${this.#topics.state}-value`, TOPICS.state.value);
  }

  /** Milliseconds that Kafka has taken nothing although something waits; 0 when all is well. */
  failingForMs(): number {
    return this.#producer.failingForMs();
  }

  /** Records that wait for Kafka. */
  get backlog(): number {
    return this.#producer.backlog;
  }

  /** All or none, in this order; `onCommitted` tells of the last. */
  appendAll(records: readonly OutgoingRecord[], onCommitted?: OnCommitted): void {
    if (this.#isMeasuring) return this.#producer.appendAll(records, onCommitted);
    this.#producer.appendAll(records, this.#measured(onCommitted));
    this.#isMeasuring = true;
  }

  append(record: OutgoingRecord, onCommitted?: OnCommitted): void {
    if (this.#isMeasuring) return this.#producer.append(record, onCommitted);
    this.#producer.append(record, this.#measured(onCommitted));
    this.#isMeasuring = true;
  }

  #measured(onCommitted: OnCommitted | undefined): OnCommitted {
    const fromMs = performance.now();
    return (error) => {
      this.#isMeasuring = false;
      if (error === undefined) this.commitLatency.note(performance.now() - fromMs);
      onCommitted?.(error);
    };
  }

  async commit(...records: readonly OutgoingRecord[]): Promise<void> {
    await this.#producer.commit(...records);
  }

  registration(endpointName: string, record: AvroRegistrationResponse): OutgoingRecord {
    return {
      topic: this.#topics.registrations,
      key: this.#keyOf(endpointName),
      value: encodeChecked(this.#registration, record),
    };
  }

  observation(endpointName: string, record: AvroResponseObserve): OutgoingRecord {
    return {
      topic: this.#topics.observations,
      key: this.#keyOf(endpointName),
      value: encodeChecked(this.#observation, record),
    };
  }

  reply(endpointName: string, record: AvroResponse): OutgoingRecord {
    return { topic: this.#topics.replies, key: this.#keyOf(endpointName), value: encodeChecked(this.#reply, record) };
  }

  /** A null state is a tombstone: the entry ended. */
  state(key: string, record: ServerState | null): OutgoingRecord {
    return { topic: this.#topics.state, key, value: record === null ? null : encodeChecked(this.#state, record) };
  }

  /** A request that cannot be read or answered. What no batch can take stays in the request topic only; its size is told. */
  deadRequest(
    record: { key: Buffer | null; value: Buffer | null; offset: string },
    reason: PlatformError,
  ): OutgoingRecord {
    const headers = { code: reason.code, reason: reason.message.slice(0, 1_000), offset: record.offset };
    const [key, value] = [record.key, record.value].map((part) =>
      isKeepable(part) ? part : null,
    ) as (Buffer | null)[];
    return { topic: `${this.#topics.requests}.dlq`, key: key ?? null, value: value ?? null, headers };
  }

  #keyOf(endpointName: string): Buffer {
    let key = this.#keys.get(endpointName);
    if (key === undefined) {
      key = this.#key.encode({ ep: endpointName });
      if (this.#keys.size >= KEPT_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
      this.#keys.set(endpointName, key);
    }
    return key;
  }
}

function isKeepable(part: Buffer | null): boolean {
  return part === null || part.length <= MAX_RECORD_BYTES / 2;
}
