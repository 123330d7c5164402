import { messageOf, PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { TimedContent, TimedNode } from '../../lwm2m/content/timed-content.ts';
import { formatPath } from '../../lwm2m/path.ts';
import type { AvroResponseObserve, AvroResponsePayload } from '../../schemas/generated/records.ts';
import { nodeToAvro } from '../bridge/avro-nodes.ts';
import { MAX_RECORD_BYTES, type Outbox } from '../bridge/outbox.ts';
import { countDecodeErrors, type ServerCounters } from '../counters.ts';
import type { ServerEvents } from '../events.ts';
import { inWords } from './outcome.ts';

/** observationId of values that came otherwise than by a notification: in a Send, or as older values in the answer to a read. */
export const SENT = 'send';
export const READ = 'read';

const MESSAGE_IDS = 2 ** 16;

/** seq of a record: Observe option value × 2^16 + message id, both as the device numbered them. */
export function sequenceOf(observe: number | undefined, messageId: number): number {
  return (observe ?? 0) * MESSAGE_IDS + messageId;
}

/** Records that one message may become; one with more is refused as a whole. The backlog of the producer takes several such. */
export const MAX_VALUES_OF_MESSAGE = 10_000;

/** Faults of one message that its record names; the others are counted. */
const NAMED_FAULTS = 5;

/** Whose values they are, and what they answer. */
export interface ValueOwner {
  readonly endpointName: string;
  readonly observationId: string;
  readonly ticket: string;
}

export interface ValueOptions {
  /** Where a fault is recorded. */
  readonly path: string;
  /** When the message came: the time of values without one of their own. */
  readonly nowMs: number;
  /** The message as its device numbered it. */
  readonly sequence: number | undefined;
}

export interface ValueRecordsOptions {
  readonly serverId: string;
  readonly outbox: Pick<Outbox, 'observation'>;
  readonly counters: ServerCounters;
  readonly events: ServerEvents;
}

/** Makes records of `iot.<gateway>.observations`. */
export class ValueRecords {
  readonly #o: ValueRecordsOptions;

  constructor(options: ValueRecordsOptions) {
    this.#o = options;
  }

  get serverId(): string {
    return this.#o.serverId;
  }

  /** What does not fit into a record is recorded with the reason: a device would repeat it for nothing. */
  encode(record: AvroResponseObserve): OutgoingRecord {
    try {
      const made = this.#encoded(record);
      if ((made.value?.length ?? 0) <= MAX_RECORD_BYTES) return made;
      return this.#unrecordable(record, tooLarge(made));
    } catch (error) {
      return this.#unrecordable(record, error);
    }
  }

  /** One record for each path and time, oldest first, and one that names what could not be read. At least one. */
  ofContent(owner: ValueOwner, { values, faults }: TimedContent, o: ValueOptions): OutgoingRecord[] {
    const records = values.map((value) => this.encode(this.#recordOf(owner, value, o)));
    if (faults.length > 0) records.push(this.#faultRecord(owner, faults, o));
    else if (values.length === 0) {
      const rep: AvroResponsePayload = { code: 'CONTENT', kind: 'observe', body: null };
      records.push(this.encode(this.#make(owner, o.path, rep, o)));
    }
    return records;
  }

  #recordOf(owner: ValueOwner, { path, timestampMs, node }: TimedNode, o: ValueOptions): AvroResponseObserve {
    const pathText = formatPath(path);
    const body = { 'io.zeelos.leshan.avro.response.AvroReadResponseBody': { content: nodeToAvro(node, pathText) } };
    const rep: AvroResponsePayload = { code: 'CONTENT', kind: 'observe', body };
    if (timestampMs === undefined) return this.#make(owner, pathText, rep, o);
    // Sent again under another message id, after a 5.03, a value with a time of its own must be the same point.
    const sequence = owner.observationId === SENT ? undefined : o.sequence;
    return this.#make(owner, pathText, rep, { ...o, nowMs: timestampMs, sequence });
  }

  #faultRecord(owner: ValueOwner, faults: readonly PlatformError[], o: ValueOptions): OutgoingRecord {
    this.#o.counters.content_faults += faults.length;
    const named = faults.slice(0, NAMED_FAULTS).map(({ code, message }) => `${code}: ${message}`);
    const more = faults.length > NAMED_FAULTS ? [`and ${faults.length - NAMED_FAULTS} more`] : [];
    const rep: AvroResponsePayload = { kind: 'observe', ...inWords('UNKNOWN', [...named, ...more].join('; ')) };
    return this.encode(this.#make(owner, o.path, rep, o));
  }

  #make(owner: ValueOwner, path: string, rep: AvroResponsePayload, o: ValueOptions): AvroResponseObserve {
    return {
      ticket: owner.ticket,
      observationId: owner.observationId,
      serverId: this.#o.serverId,
      ep: owner.endpointName,
      path,
      timestamp: Math.trunc(o.nowMs),
      rep,
      seq: o.sequence === undefined ? null : { long: o.sequence },
    };
  }

  #unrecordable(record: AvroResponseObserve, error: unknown): OutgoingRecord {
    return this.#encoded({ ...record, rep: this.unreadable(error) });
  }

  #encoded(record: AvroResponseObserve): OutgoingRecord {
    const { outbox, events } = this.#o;
    const outgoing = outbox.observation(record.ep, record);
    if (events.hasListeners) {
      events.emit({ kind: record.observationId === SENT ? 'send' : 'notification', record });
    }
    return outgoing;
  }

  /** A payload, or so many of its records, could not be read. */
  countFaults(contentFormat: number | undefined, faults = 1): void {
    countDecodeErrors(this.#o.counters, contentFormat, faults);
  }

  /** Content that cannot be read is recorded with the reason: acknowledging it and dropping it would lose it silently. */
  unreadable(error: unknown): AvroResponsePayload {
    this.#o.counters.notifications_undecodable++;
    const code = error instanceof PlatformError ? error.code : 'INTERNAL';
    return { kind: 'observe', ...inWords('UNKNOWN', `${code}: ${messageOf(error)}`) };
  }
}

/** Throws LWM2M_CONTENT for more values than one message may have. */
export function assertRecordable({ values }: TimedContent): void {
  if (values.length > MAX_VALUES_OF_MESSAGE) {
    throw new PlatformError(
      'LWM2M_CONTENT',
      `${values.length} values in one message, more than ${MAX_VALUES_OF_MESSAGE}`,
    );
  }
}

function tooLarge({ value }: OutgoingRecord): PlatformError {
  return new PlatformError('KAFKA_REFUSED', `the record would have ${value?.length ?? 0} bytes`);
}
