import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { Log } from '../../common/log.ts';
import type { CoapNotification } from '../../lwm2m/coap/endpoint.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import type { AvroResponseObserve, AvroResponsePayload } from '../../schemas/generated/records.ts';
import { MAX_RECORD_BYTES, type Outbox } from '../bridge/outbox.ts';
import { observationTombstone } from '../bridge/state-entries.ts';
import type { ServerCounters } from '../counters.ts';
import type { ServerEvents } from '../events.ts';
import { readBody } from '../operation/device-requests.ts';
import { codeName, deviceRefusal, inWords, isSuccess } from '../operation/outcome.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { Observation, Observations } from './observations.ts';
import type { RecordedNotifications } from './recorded-notifications.ts';

/** seq = Observe option value × 2^16 + message id: both as the device numbered them. */
const MESSAGE_IDS = 2 ** 16;

export interface NotificationsOptions {
  readonly serverId: string;
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly recorded: RecordedNotifications;
  readonly outbox: Outbox;
  readonly models: ObjectModels;
  readonly counters: ServerCounters;
  readonly events: ServerEvents;
  readonly log: Log;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/** Turns notifications into records. A confirmable one is acknowledged when, and only when, its record is committed. */
export class Notifications {
  readonly #o: NotificationsOptions;

  constructor(options: NotificationsOptions) {
    this.#o = options;
  }

  receive(notification: CoapNotification): void {
    const { counters, observations, registrations, recorded } = this.#o;
    const observation = observations.byToken(notification.token);
    const registration = observation === undefined ? undefined : registrations.byId(observation.registrationId);
    if (observation === undefined || registration === undefined) {
      counters.notifications_unknown_token++;
      return notification.reject();
    }
    if (registration.peer.key !== notification.peer.key) {
      counters.notifications_wrong_peer++;
      // Perhaps the device itself, behind a NAT that moved it: once its update says so it is observed again.
      observation.doubtful = true;
      return notification.reject();
    }
    const elapsedMs = this.#o.elapsed();
    const sequence = (notification.observe ?? 0) * MESSAGE_IDS + notification.messageId;
    if (recorded.holds(observation.observationId, sequence, elapsedMs)) {
      counters.notifications_repeated++;
      return notification.acknowledge();
    }
    this.#noteOrder(observation, notification, elapsedMs);
    this.#record(observation, notification, sequence);
  }

  #noteOrder(observation: Observation, { observe }: CoapNotification, elapsedMs: number): void {
    if (observe === undefined) return;
    if (!observation.note(observe, elapsedMs)) this.#o.counters.notifications_reordered++;
  }

  #record(observation: Observation, notification: CoapNotification, sequence: number): void {
    const { outbox, counters } = this.#o;
    const ended = !isSuccess(notification.code);
    const rep = ended ? this.#endOf(notification) : this.#contentOf(observation, notification);
    try {
      const record = this.#observationRecord(observation, rep, sequence);
      const onCommitted = (error?: PlatformError) => this.#settle(notification, error);
      if (ended) outbox.appendAll([record, observationTombstone(outbox, observation)], onCommitted);
      else outbox.append(record, onCommitted);
      counters.notifications_recorded++;
      if (ended) this.#o.observations.remove(observation);
    } catch (error) {
      this.#shed(notification, error);
    }
  }

  /** What does not fit into a record is recorded with the reason: a device would repeat it for nothing. */
  #observationRecord(observation: Observation, rep: AvroResponsePayload, sequence: number): OutgoingRecord {
    try {
      const record = this.#encoded(observation, rep, sequence);
      if ((record.value?.length ?? 0) <= MAX_RECORD_BYTES) return record;
      return this.#encoded(observation, this.#unreadable(tooLarge(record)), sequence);
    } catch (error) {
      return this.#encoded(observation, this.#unreadable(error), sequence);
    }
  }

  #encoded(observation: Observation, rep: AvroResponsePayload, sequence: number): OutgoingRecord {
    const record: AvroResponseObserve = {
      ticket: observation.ticket,
      observationId: observation.observationId,
      serverId: this.#o.serverId,
      ep: observation.endpointName,
      path: observation.path,
      timestamp: this.#o.now(),
      rep,
      seq: { long: sequence },
    };
    const outgoing = this.#o.outbox.observation(observation.endpointName, record);
    if (this.#o.events.hasListeners) this.#o.events.emit({ kind: 'notification', record });
    return outgoing;
  }

  /** Content that cannot be read is recorded with the reason: acknowledging it and dropping it would lose it silently. */
  #contentOf(observation: Observation, notification: CoapNotification): AvroResponsePayload {
    try {
      const body = readBody(notification, observation.lwm2mPath, this.#o.models, observation.path);
      return { code: codeName(notification.code), kind: 'observe', body };
    } catch (error) {
      return this.#unreadable(error);
    }
  }

  #unreadable(error: unknown): AvroResponsePayload {
    this.#o.counters.notifications_undecodable++;
    const code = error instanceof PlatformError ? error.code : 'INTERNAL';
    return { kind: 'observe', ...inWords('UNKNOWN', `${code}: ${messageOf(error)}`) };
  }

  /** RFC 7641 §3.2: a notification with an error code is the last one. */
  #endOf(notification: CoapNotification): AvroResponsePayload {
    this.#o.counters.notifications_ended++;
    return { kind: 'observe', ...deviceRefusal(notification.code, notification.payload) };
  }

  #settle(notification: CoapNotification, error: PlatformError | undefined): void {
    if (error !== undefined) return this.#shed(notification, error);
    this.#o.counters.notifications_acknowledged++;
    notification.acknowledge();
  }

  /** No acknowledgement: the device repeats it, and by then there may be room. */
  #shed(notification: CoapNotification, error: unknown): void {
    this.#o.counters.notifications_shed++;
    notification.ignore();
    if (!isRetriable(error)) this.#o.log.error({ err: error }, 'a notification could not be recorded');
  }

  /**
   * The record of the first value of an observation that no command asked for: there is no reply that would carry it. It came in
   * a response, whose message id is nobody's to repeat, so its seq is the Observe number alone.
   */
  firstValue(
    observation: Observation,
    answer: { observe?: number | undefined },
    outcome: Omit<AvroResponsePayload, 'kind'>,
  ): OutgoingRecord {
    return this.#observationRecord(observation, { kind: 'observe', ...outcome }, (answer.observe ?? 0) * MESSAGE_IDS);
  }
}

function tooLarge({ value }: OutgoingRecord): PlatformError {
  return new PlatformError('KAFKA_REFUSED', `the record would have ${value?.length ?? 0} bytes`);
}
