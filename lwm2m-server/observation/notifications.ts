import { isRetriable, type PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { Log } from '../../common/log.ts';
import type { CoapNotification } from '../../lwm2m/coap/endpoint.ts';
import type { TimedContent } from '../../lwm2m/content/timed-content.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import type { AvroResponseObserve, AvroResponsePayload } from '../../schemas/generated/records.ts';
import { nodeToAvro } from '../bridge/avro-nodes.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { observationTombstone } from '../bridge/state-entries.ts';
import { GATEWAY_OBJECT } from '../children/announced-children.ts';
import type { ServerCounter, ServerCounters } from '../counters.ts';
import { decodeDeviceComposite, decodeDeviceContent, decodeDeviceTimedContent } from '../models/device-content.ts';
import { registrationModels } from '../models/registration-models.ts';
import { mayCarryTime } from '../operation/answers.ts';
import type { OperationResult } from '../operation/device-requests.ts';
import { namePrefix } from '../operation/node-paths.ts';
import { codeName, deviceRefusal, isSuccess } from '../operation/outcome.ts';
import { assertRecordable, sequenceOf, type ValueRecords } from '../operation/value-records.ts';
import type { Presence } from '../queue-mode/presence.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { Observation, Observations, TokenFate } from './observations.ts';
import { recordPath } from './observed-request.ts';
import type { RecordedNotifications } from './recorded-notifications.ts';
import type { Refusals } from './refusals.ts';
import type { Wishes } from './wishes.ts';

const COMPOSITE_BODY = 'io.zeelos.leshan.avro.response.AvroCompositeResponse';
const READ_BODY = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';

const COUNTER_OF_FATE = {
  unknown: 'notifications_unknown_token',
  ended: 'notifications_after_end',
  unregistered: 'notifications_no_registration',
} as const satisfies Record<TokenFate, ServerCounter>;

export interface NotificationsOptions {
  readonly serverId: string;
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly recorded: RecordedNotifications;
  readonly wishes: Wishes;
  readonly refusals: Refusals;
  readonly outbox: Outbox;
  readonly models: ObjectModels;
  readonly counters: ServerCounters;
  readonly values: ValueRecords;
  readonly presence: Presence;
  /** Something changed in the object where a gateway says what is behind it. */
  readonly onGatewayObject: (gateway: Registration) => void;
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
      counters[COUNTER_OF_FATE[observations.fateOf(notification.token)]]++;
      return notification.reject();
    }
    if (registration.peer.key !== notification.peer.key) {
      counters.notifications_wrong_peer++;
      // Perhaps the device itself, behind a NAT that moved it: the token is no proof. Its next update says so, and it is observed again.
      observation.doubtful = true;
      return notification.reject();
    }
    if (registration.queueMode) this.#o.presence.heard(registration);
    const elapsedMs = this.#o.elapsed();
    const sequence = sequenceOf(notification.observe, notification.messageId);
    if (recorded.holds(observation.observationId, sequence, elapsedMs)) {
      counters.notifications_repeated++;
      return notification.acknowledge();
    }
    this.#noteOrder(observation, notification, elapsedMs);
    this.#record(observation, registration, notification, sequence);
    if (observation.lwm2mPath.objectId === GATEWAY_OBJECT) this.#o.onGatewayObject(registration);
  }

  #noteOrder(observation: Observation, { observe }: CoapNotification, elapsedMs: number): void {
    if (observe === undefined) return;
    if (!observation.note(observe, elapsedMs)) this.#o.counters.notifications_reordered++;
  }

  #record(
    observation: Observation,
    registration: Registration,
    notification: CoapNotification,
    sequence: number,
  ): void {
    const { outbox, counters, values } = this.#o;
    const onCommitted = (error?: PlatformError) => this.#settle(notification, error);
    try {
      if (!isSuccess(notification.code)) {
        const record = values.encode(this.#recordOf(observation, this.#endOf(notification), sequence));
        outbox.appendAll([record, ...this.#tombstoneOf(observation)], onCommitted);
        this.#remove(observation, notification.code);
      } else if (observation.composite !== undefined || mayCarryTime(notification.contentFormat)) {
        outbox.appendAll(this.#timedRecords(observation, registration, notification, sequence), onCommitted);
      } else {
        const rep = this.#contentOf(observation, registration, notification);
        outbox.append(values.encode(this.#recordOf(observation, rep, sequence)), onCommitted);
      }
      counters.notifications_recorded++;
    } catch (error) {
      this.#shed(notification, error);
    }
  }

  /** What a command started is wanted on, and asked for again at the next registration. */
  #tombstoneOf(observation: Observation): OutgoingRecord[] {
    const lasts = this.#o.wishes.lasting([observation]).length > 0;
    return lasts ? [] : [observationTombstone(this.#o.outbox, observation)];
  }

  #remove(observation: Observation, code: string): void {
    const { observations, wishes, refusals } = this.#o;
    for (const lasting of wishes.lasting([observation])) wishes.add(observation.endpointName, lasting);
    refusals.add(observation.endpointName, observation.path, code);
    observations.remove(observation);
  }

  #recordOf(observation: Observation, rep: AvroResponsePayload, sequence: number): AvroResponseObserve {
    return {
      ticket: observation.ticket,
      observationId: observation.observationId,
      serverId: this.#o.serverId,
      ep: observation.endpointName,
      path: recordPath(observation),
      timestamp: this.#o.now(),
      rep,
      seq: { long: sequence },
    };
  }

  #contentOf(
    observation: Observation,
    registration: Registration,
    { code, contentFormat, payload }: CoapNotification,
  ): AvroResponsePayload {
    try {
      const models = registrationModels(this.#o.models, registration);
      const node = decodeDeviceContent(contentFormat, payload, observation.lwm2mPath, models, namePrefix(registration));
      const body = { [READ_BODY]: { content: nodeToAvro(node, observation.path) } };
      return { code: codeName(code), kind: 'observe', body };
    } catch (error) {
      return this.#o.values.unreadable(error);
    }
  }

  /** One record for each path and time; the acknowledgement waits for all of them. */
  #timedRecords(
    observation: Observation,
    registration: Registration,
    notification: CoapNotification,
    sequence: number,
  ): OutgoingRecord[] {
    const nowMs = this.#o.now();
    let content: TimedContent;
    try {
      content = this.#timedContent(observation, registration, notification, nowMs);
      assertRecordable(content);
      if (content.faults.length > 0) this.#o.values.countFaults(notification.contentFormat, content.faults.length);
    } catch (error) {
      this.#o.values.countFaults(notification.contentFormat);
      return [this.#o.values.encode(this.#recordOf(observation, this.#o.values.unreadable(error), sequence))];
    }
    return this.#o.values.ofContent(observation, content, { path: recordPath(observation), nowMs, sequence });
  }

  #timedContent(
    { composite, lwm2mPath }: Observation,
    registration: Registration,
    { contentFormat, payload }: CoapNotification,
    nowMs: number,
  ): TimedContent {
    const models = registrationModels(this.#o.models, registration);
    const prefix = namePrefix(registration);
    if (composite === undefined)
      return decodeDeviceTimedContent(contentFormat, payload, lwm2mPath, models, nowMs, prefix);
    return decodeDeviceComposite(contentFormat, payload, composite.paths, models, nowMs, prefix);
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
   * The records of the first value of an observation that no command asked for: there is no reply that would carry it. It came in
   * a response, whose message id is nobody's to repeat, so its seq is the Observe number alone.
   */
  firstValues(
    observation: Observation,
    answer: { observe?: number | undefined },
    { outcome, valueTimestampMs }: OperationResult,
  ): OutgoingRecord[] {
    const sequence = sequenceOf(answer.observe, 0);
    const record = this.#recordOf(observation, { kind: 'observe', ...outcome }, sequence);
    const { body } = outcome;
    if (body == null || !(COMPOSITE_BODY in body)) {
      return [this.#o.values.encode({ ...record, timestamp: Math.trunc(valueTimestampMs ?? record.timestamp) })];
    }
    return body[COMPOSITE_BODY].nodes.map(({ path, content, timestamp }) => {
      const rep: AvroResponsePayload = { code: outcome.code, kind: 'observe', body: { [READ_BODY]: { content } } };
      return this.#o.values.encode({ ...record, path, rep, timestamp: timestamp?.long ?? record.timestamp });
    });
  }
}
