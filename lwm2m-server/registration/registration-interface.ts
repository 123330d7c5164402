import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { Log } from '../../common/log.ts';
import type { CoapRequest, Respond } from '../../lwm2m/coap/endpoint.ts';
import type { Peer } from '../../lwm2m/coap/transport.ts';
import { newRecord, type ServerIdentity, updateRecord } from '../bridge/avro-registrations.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { registrationEntry } from '../bridge/state-entries.ts';
import type { ServerCounters } from '../counters.ts';
import type { Observations } from '../observation/observations.ts';
import type { Refusals } from '../observation/refusals.ts';
import type { Wishes } from '../observation/wishes.ts';
import { RandomBytes } from '../random-bytes.ts';
import { parseRegistration, parseUpdate, type RegistrationRequest, UnsupportedVersion } from './parse-registration.ts';
import { PendingAnswers } from './pending-answers.ts';
import { makeRegistration, type Registration, type RegistrationEnd, updatedRegistration } from './registration.ts';
import { endingRecords, forgetRegistration } from './registration-end.ts';
import type { Registrations } from './registrations.ts';

/** The path of the registration interface. */
export const REGISTRATION_PATH = 'rd';

/** 12 characters of base64url: nobody guesses the Location of another device. */
const REGISTRATION_ID_BYTES = 9;

/** What a device is told to wait when Kafka takes nothing, in seconds (Max-Age of 5.03, RFC 7252 §5.9.3.4). */
const RETRY_AFTER_SECONDS = 30;

/**
 * Kafka may fail so long before registrations are refused instead of held. What is refused then was appended and may be committed
 * yet: a device that comes back replaces that registration (DELETE, NEW), one that does not lets it expire.
 */
const PATIENCE_MS = 4_000;

/**
 * Registrations that may wait for Kafka at once, and the backlog above which none is taken: room is left for notifications and
 * replies when a whole fleet comes back at once. Updates get twice that, since a device that may not update registers anew.
 */
const UNDER_WAY_LIMIT = 5_000;
const BACKLOG_LIMIT = 20_000;

/** What a device is told to wait then: from so many seconds on, one after the other more, so that they do not come back at once. */
const BUSY_RETRY_SECONDS = 5;
const BUSY_RETRY_SPREAD = 20;

/** Devices whose updates were refused come back when they were told to; until then nobody is taken for gone. */
const AFTER_OUTAGE_MS = 2 * RETRY_AFTER_SECONDS * 1_000;

/** How long an expiry that could not be recorded waits for its next attempt. */
const EXPIRY_RETRY_MS = 5_000;

export interface RegistrationEvents {
  /** The registration is committed: the device may be asked things now. */
  onRegistered(registration: Registration): void;
  onUpdated(registration: Registration): void;
  /** The device has another address from now on: what is under way to the old one does not arrive. */
  onMoved(registration: Registration, from: Peer): void;
  /** The device is gone: what waits for it must end. */
  onEnded(registration: Registration, end: RegistrationEnd, successor: Registration | undefined): void;
}

export interface RegistrationInterfaceOptions {
  readonly server: ServerIdentity;
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly wishes: Wishes;
  readonly refusals: Refusals;
  readonly outbox: Outbox;
  readonly counters: ServerCounters;
  readonly events: RegistrationEvents;
  readonly log: Log;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/** Register, Update and De-register, each answered when its record is committed. */
export class RegistrationInterface {
  readonly #o: RegistrationInterfaceOptions;
  readonly #pending = new PendingAnswers(PATIENCE_MS, RETRY_AFTER_SECONDS);
  readonly #ids = new RandomBytes(REGISTRATION_ID_BYTES);
  #expiryHeldUntilMs = 0;

  constructor(options: RegistrationInterfaceOptions) {
    this.#o = options;
  }

  handle(request: CoapRequest, respond: Respond): void {
    try {
      this.#dispatch(request, respond);
    } catch (error) {
      this.#refuse(error, respond);
    }
  }

  /** Once a second: ends what ran out and refuses what waited too long for Kafka. */
  tick(): void {
    const { elapsed, counters, registrations } = this.#o;
    counters.registrations_shed += this.#pending.refuseOverdue(elapsed());
    if (this.#kafkaFails()) this.#expiryHeldUntilMs = elapsed() + AFTER_OUTAGE_MS;
    for (const registration of registrations.takeExpired()) {
      const heldForMs = this.#expiryHeldUntilMs - elapsed();
      if (heldForMs > 0) registrations.postpone(registration, heldForMs);
      else this.#expire(registration);
    }
  }

  #dispatch(request: CoapRequest, respond: Respond): void {
    const [, registrationId, ...rest] = request.path;
    if (rest.length > 0) return respond({ code: '4.04' });
    if (registrationId === undefined) {
      if (request.method !== 'POST') return respond({ code: '4.05' });
      return this.#register(request, respond);
    }
    const registration = this.#o.registrations.byId(registrationId);
    // A child has no Location: it comes and goes with what its gateway says in object 25.
    if (registration === undefined || registration.behind !== undefined) return respond({ code: '4.04' });
    if (request.method === 'POST' || request.method === 'PUT') return this.#update(registration, request, respond);
    if (request.method === 'DELETE') return this.#deregister(registration, respond);
    respond({ code: '4.05' });
  }

  #register(request: CoapRequest, respond: Respond): void {
    const parsed = parseRegistration(request.query, request.payload);
    if (this.#isShedding(parsed.endpointName, respond, 1)) return;
    const { registrations, outbox, server, events, counters } = this.#o;
    const nowMs = this.#o.now();
    const registration = registrationOf(parsed, request.peer, {
      registrationId: this.#ids.next().toString('base64url'),
      nowMs,
    });
    const older = registrations.byEndpointName(registration.endpointName);
    if (older?.behind !== undefined) return this.#refuseName(respond);
    const ending = older === undefined ? [] : endingRecords(this.#o, older, false, nowMs);
    const records = [
      ...ending,
      outbox.registration(registration.endpointName, newRecord(registration, server)),
      registrationEntry(outbox, registration, server),
    ];
    this.#commitThenAnswer(
      records,
      respond,
      { code: '2.01', locationPath: [REGISTRATION_PATH, registration.registrationId] },
      () => {
        counters.registrations_new++;
        if (registrations.byId(registration.registrationId) !== undefined) events.onRegistered(registration);
      },
    );
    if (older !== undefined) this.#forget(older, 'replaced', registration);
    registrations.add(registration);
  }

  /** The name is that of a device behind a gateway: whoever registers with it does not take over what is meant for that one. */
  #refuseName(respond: Respond): void {
    this.#o.counters.registrations_refused++;
    respond({ code: '4.03', payload: Buffer.from('the endpoint name is that of a device behind a gateway') });
  }

  #update(registration: Registration, request: CoapRequest, respond: Respond): void {
    const change = parseUpdate(request.query, request.payload, registration);
    if (this.#isShedding(registration.endpointName, respond, 2)) return;
    const { registrations, refusals, outbox, server, events, counters } = this.#o;
    const nowMs = this.#o.now();
    const updated = updatedRegistration(registration, change, { peer: request.peer, nowMs });
    const records = [
      outbox.registration(updated.endpointName, updateRecord(updated, change, server.serverId)),
      registrationEntry(outbox, updated, server),
    ];
    this.#commitThenAnswer(records, respond, { code: '2.04' }, () => {
      counters.registrations_updated++;
      const current = registrations.byId(updated.registrationId);
      if (current !== undefined) events.onUpdated(current);
    });
    registrations.replace(updated);
    if (change.announced !== undefined) refusals.forget(updated.endpointName);
    if (updated.peer.key !== registration.peer.key) events.onMoved(updated, registration.peer);
  }

  #deregister(registration: Registration, respond: Respond): void {
    const records = endingRecords(this.#o, registration, false, this.#o.now());
    this.#commitThenAnswer(records, respond, { code: '2.02' }, () => {
      this.#o.counters.registrations_deregistered++;
    });
    this.#forget(registration, 'deregistered', undefined);
  }

  #expire(registration: Registration): void {
    try {
      this.#o.outbox.appendAll(endingRecords(this.#o, registration, true, this.#o.now()));
      this.#o.counters.registrations_expired++;
      this.#forget(registration, 'expired', undefined);
    } catch (error) {
      if (!isRetriable(error))
        this.#o.log.error({ err: error, endpoint: registration.endpointName }, 'an expiry could not be recorded');
      this.#o.registrations.postpone(registration, EXPIRY_RETRY_MS);
    }
  }

  #forget(registration: Registration, end: RegistrationEnd, successor: Registration | undefined): void {
    forgetRegistration(this.#o, registration);
    this.#o.events.onEnded(registration, end, successor);
  }

  /** Nothing is taken in while Kafka takes nothing: what cannot be recorded must not be promised. */
  #isShedding(endpointName: string, respond: Respond, share: number): boolean {
    const { registrations, outbox } = this.#o;
    if (this.#kafkaFails() || registrations.isFullFor(endpointName)) {
      this.#shed(respond, RETRY_AFTER_SECONDS);
      return true;
    }
    if (this.#pending.size < share * UNDER_WAY_LIMIT && outbox.backlog < share * BACKLOG_LIMIT) return false;
    this.#shed(respond, BUSY_RETRY_SECONDS + (this.#o.counters.registrations_shed % BUSY_RETRY_SPREAD));
    return true;
  }

  #kafkaFails(): boolean {
    return this.#o.outbox.failingForMs() > PATIENCE_MS;
  }

  #shed(respond: Respond, maxAgeSeconds: number): void {
    this.#o.counters.registrations_shed++;
    respond({ code: '5.03', maxAgeSeconds });
  }

  /** Throws when nothing could be appended; the caller then changes nothing. */
  #commitThenAnswer(
    records: readonly OutgoingRecord[],
    respond: Respond,
    answer: Parameters<Respond>[0],
    then: () => void,
  ): void {
    const settle = this.#pending.add(respond, this.#o.elapsed());
    try {
      this.#o.outbox.appendAll(records, (error) => {
        settle(error === undefined ? answer : undefined);
        if (error === undefined) then();
      });
    } catch (error) {
      settle(undefined);
      throw new PendingSettled(error);
    }
  }

  #refuse(error: unknown, respond: Respond): void {
    if (error instanceof PendingSettled) {
      this.#o.counters.registrations_shed++;
      if (!isRetriable(error.cause)) this.#o.log.error({ err: error.cause }, 'a registration could not be recorded');
      return;
    }
    this.#o.counters.registrations_refused++;
    if (error instanceof UnsupportedVersion)
      return respond({ code: '4.12', payload: Buffer.from('unsupported lwm2m version') });
    if (error instanceof PlatformError && (error.code === 'LWM2M_REGISTRATION' || error.code === 'LWM2M_LINK_FORMAT')) {
      return respond({ code: '4.00', payload: Buffer.from(messageOf(error)) });
    }
    this.#o.log.error({ err: error }, 'a fault while handling a registration');
    respond({ code: '5.00' });
  }
}

/** The device was already answered with 5.03. */
class PendingSettled extends Error {
  constructor(cause: unknown) {
    super('not recorded', { cause });
  }
}

function registrationOf(
  { announced, ...said }: RegistrationRequest,
  peer: Peer,
  { registrationId, nowMs }: { readonly registrationId: string; readonly nowMs: number },
): Registration {
  return makeRegistration({
    ...said,
    ...announced,
    peer,
    registrationId,
    registeredAtMs: nowMs,
    lastUpdateAtMs: nowMs,
  });
}
