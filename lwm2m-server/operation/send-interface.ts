import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { Log } from '../../common/log.ts';
import type { CoapRequest, Respond } from '../../lwm2m/coap/endpoint.ts';
import type { PrefixedContent } from '../../lwm2m/content/timed-content.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import type { Outbox } from '../bridge/outbox.ts';
import type { ServerCounters } from '../counters.ts';
import { decodeDeviceComposite, decodeGatewaySend } from '../models/device-content.ts';
import { registrationModels } from '../models/registration-models.ts';
import { NO_TICKET } from '../observation/observations.ts';
import { PendingAnswers } from '../registration/pending-answers.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import { readerFor } from './answers.ts';
import { MAX_VALUES_OF_MESSAGE, SENT, sequenceOf, type ValueRecords } from './value-records.ts';

/** The path of the Send operation (LwM2M 1.1). */
export const SEND_PATH = 'dp';

/** What a device is told to wait when Kafka takes nothing, in seconds (Max-Age of 5.03, RFC 7252 §5.9.3.4). */
const RETRY_AFTER_SECONDS = 30;

/**
 * Kafka may fail so long before a Send is refused instead of held. What is refused then was appended and may be committed yet: the
 * device sends it again, and values with a time of their own fall on the same point of a store.
 */
const PATIENCE_MS = 4_000;

export interface SendInterfaceOptions {
  readonly registrations: Registrations;
  readonly outbox: Outbox;
  readonly values: ValueRecords;
  readonly models: ObjectModels;
  readonly counters: ServerCounters;
  /** It is a gateway that is being asked which devices are behind it. */
  readonly isLooking: (registration: Registration) => boolean;
  readonly log: Log;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/** Why a Send is refused for good. */
class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Values that a registered device sends of its own accord, answered with 2.04 when all their records are committed. A repetition of
 * the same message gets the same answer from the endpoint without a second record; over a restart of the server it is recorded
 * again, with the same `seq`.
 */
export class SendInterface {
  readonly #o: SendInterfaceOptions;
  readonly #pending = new PendingAnswers(PATIENCE_MS, RETRY_AFTER_SECONDS);

  constructor(options: SendInterfaceOptions) {
    this.#o = options;
  }

  handle(request: CoapRequest, respond: Respond): void {
    const { counters, log } = this.#o;
    try {
      this.#take(request, respond);
    } catch (error) {
      if (error instanceof Refusal) {
        counters.sends_refused++;
        respond({ code: error.code, payload: Buffer.from(error.message) });
      } else {
        log.error({ err: error }, 'a fault while handling a Send');
        respond({ code: '5.00' });
      }
    }
  }

  /** Once a second: refuses what waited too long for Kafka. */
  tick(): void {
    this.#o.counters.sends_shed += this.#pending.refuseOverdue(this.#o.elapsed());
  }

  #take(request: CoapRequest, respond: Respond): void {
    if (request.path.length > 1) throw new Refusal('4.04', 'Send is at /dp');
    if (request.method !== 'POST') throw new Refusal('4.05', 'Send is a POST');
    const registration = this.#senderOf(request);
    if (this.#o.outbox.failingForMs() > PATIENCE_MS) return this.#shed(respond);
    const contents = this.#contentsUnlessTooEarly(registration, request);
    if (contents === undefined) return this.#shed(respond);
    this.#commitThenAnswer(this.#recordsOf(registration, request, contents), respond);
  }

  /** A Send names no endpoint: the peer must be one, and only one. */
  #senderOf({ peer }: CoapRequest): Registration {
    const [registration, second] = this.#o.registrations.byPeer(peer);
    if (registration === undefined) throw new Refusal('4.04', 'not registered');
    if (second !== undefined) throw new Refusal('4.00', 'several endpoints are registered from this address');
    return registration;
  }

  /** Undefined when it cannot all be read and may be of devices that are not known yet: it is to be sent again. */
  #contentsUnlessTooEarly(registration: Registration, request: CoapRequest): PrefixedContent[] | undefined {
    const { isLooking } = this.#o;
    try {
      const contents = this.#contentsOf(registration, request);
      const isWhole = contents.every(({ faults }) => faults.length === 0);
      return isWhole || !isLooking(registration) ? contents : undefined;
    } catch (error) {
      if (error instanceof Refusal && isLooking(registration)) return undefined;
      throw error;
    }
  }

  #contentsOf(registration: Registration, request: CoapRequest): PrefixedContent[] {
    let contents: PrefixedContent[];
    try {
      contents = this.#decoded(registration, request);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      this.#o.values.countFaults(request.contentFormat);
      const code = error.code === 'LWM2M_CONTENT_FORMAT' ? '4.15' : '4.00';
      throw new Refusal(code, messageOf(error));
    }
    const count = contents.reduce((sum, { values }) => sum + values.length, 0);
    if (count === 0) throw new Refusal('4.00', 'the message holds no value');
    if (count > MAX_VALUES_OF_MESSAGE) throw new Refusal('4.13', `more than ${MAX_VALUES_OF_MESSAGE} values`);
    return contents;
  }

  /** A gateway sends for the devices behind it too: their prefix is in the names. */
  #decoded(registration: Registration, { contentFormat, payload }: CoapRequest): PrefixedContent[] {
    if (contentFormat === undefined) throw new Refusal('4.00', 'the Content-Format is missing');
    const { registrations, models: all, now } = this.#o;
    const { models, prefix: root } = readerFor(all, registration);
    const { registrationId } = registration;
    if (!registrations.hasChildren(registrationId)) {
      const content = decodeDeviceComposite(contentFormat, payload, undefined, models, now(), root);
      return [{ prefix: undefined, ...content }];
    }
    return decodeGatewaySend(contentFormat, payload, now(), root, (prefix) => {
      if (prefix === undefined) return models;
      const child = registrations.childByPrefix(registrationId, prefix);
      return child && registrationModels(all, child);
    });
  }

  #recordsOf(sender: Registration, { messageId }: CoapRequest, contents: readonly PrefixedContent[]): OutgoingRecord[] {
    const at = { path: '/', nowMs: this.#o.now(), sequence: sequenceOf(messageId, 0) };
    return contents.flatMap(({ prefix, ...content }) => {
      const { registrations, values } = this.#o;
      const child = prefix === undefined ? undefined : registrations.childByPrefix(sender.registrationId, prefix);
      const { endpointName } = child ?? sender;
      if (content.values.length + content.faults.length === 0) return [];
      return values.ofContent({ endpointName, observationId: SENT, ticket: NO_TICKET }, content, at);
    });
  }

  #commitThenAnswer(records: readonly OutgoingRecord[], respond: Respond): void {
    const { outbox, counters, elapsed, log } = this.#o;
    const settle = this.#pending.add(respond, elapsed());
    const shed = (error: unknown) => {
      counters.sends_shed++;
      settle(undefined);
      if (!isRetriable(error)) log.error({ err: error }, 'a Send could not be recorded');
    };
    try {
      outbox.appendAll(records, (error) => {
        if (error !== undefined) return shed(error);
        counters.sends_acknowledged++;
        settle({ code: '2.04' });
      });
      counters.sends_recorded++;
    } catch (error) {
      shed(error);
    }
  }

  #shed(respond: Respond): void {
    this.#o.counters.sends_shed++;
    respond({ code: '5.03', maxAgeSeconds: RETRY_AFTER_SECONDS });
  }
}
