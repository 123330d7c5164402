import { hasCode, isRetriable, messageOf } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { Log } from '../../common/log.ts';
import { newRecord, updateRecord } from '../bridge/avro-registrations.ts';
import { registrationEntry } from '../bridge/state-entries.ts';
import type { ServerCounters } from '../counters.ts';
import { PacedRounds } from '../observation/paced-rounds.ts';
import type { Presence } from '../queue-mode/presence.ts';
import { RandomBytes } from '../random-bytes.ts';
import { parseAnnouncement } from '../registration/announced-objects.ts';
import {
  isSamePeer,
  makeRegistration,
  type Registration,
  type RegistrationChange,
  type RegistrationEnd,
} from '../registration/registration.ts';
import { endingRecords, forgetRegistration, type RegistrationEndOptions } from '../registration/registration-end.ts';
import {
  type AnnouncedChild,
  type AnnouncedChildren,
  announcedChildren,
  GATEWAY_OBJECT,
  isSameCount,
} from './announced-children.ts';
import type { GatewayObject } from './gateway-object.ts';

/** Gateways that are asked at once. */
const AT_ONCE = 32;

/** A gateway is not asked again before so long: one that changes all the time costs one reading in that time. */
const LOOK_GAP_MS = 5_000;

/** A gateway that merely says that it is still there is asked that seldom: it tells of changes by other ways too. */
const REFRESH_GAP_MS = 60_000;

/** How long a look waits that Kafka kept from being recorded. */
const RETRY_MS = 30_000;

/** Backlog above which no child is taken in: room is left for devices that register themselves. */
const BACKLOG_LIMIT = 10_000;

/** 12 characters of base64url, as for those that register themselves. */
const REGISTRATION_ID_BYTES = 9;

const NOBODY: AnnouncedChildren = announcedChildren(undefined, { endpointName: '', rootPath: '/', contentFormats: [] });

export interface ChildEvents {
  onRegistered(child: Registration): void;
  onUpdated(child: Registration): void;
  onEnded(child: Registration, end: RegistrationEnd): void;
}

export interface GatewayChildrenOptions extends RegistrationEndOptions {
  readonly object: GatewayObject;
  readonly presence: Presence;
  readonly counters: ServerCounters;
  readonly events: ChildEvents;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/**
 * Devices behind LwM2M gateways, registered as what the gateway's object 25 says. A child has the peer of its gateway and the prefix
 * for its root path, so that requests, values and observations go on as with any other device. It ends with its gateway.
 */
export class GatewayChildren {
  readonly #o: GatewayChildrenOptions;
  readonly #ids = new RandomBytes(REGISTRATION_ID_BYTES);
  readonly #rounds: PacedRounds;
  /** By registration id of the gateway, so bounded by the registrations: when it was asked last, and when it is to be asked again. */
  readonly #lookedAtMs = new Map<string, number>();
  /** What it announced at the last look that came to its end. */
  readonly #seen = new Map<string, string>();
  readonly #dueMs = new Map<string, number>();
  readonly #busy = new Set<string>();
  /** Those whose round runs or waits. */
  readonly #asked = new Set<string>();
  readonly #leftOut = new Map<string, AnnouncedChildren['leftOut']>();
  /** Children that changed with their gateway and are not recorded so yet. */
  readonly #changed = new Map<string, RegistrationChange>();
  /** Ends that Kafka did not take yet; no child is taken in before they are recorded. Bounded by the registrations. */
  #ends: OutgoingRecord[][] = [];

  constructor(options: GatewayChildrenOptions) {
    this.#o = options;
    this.#rounds = new PacedRounds(AT_ONCE, async (id) => {
      await this.#round(id);
      this.#asked.delete(id);
    });
  }

  /** Gateways that wait to be asked. */
  get waiting(): number {
    return this.#rounds.waiting + this.#dueMs.size;
  }

  /** Sees to it that the children are what object 25 says: soon, when the gateway was asked a moment ago. */
  look(gateway: Registration, isRefresh = false): void {
    const { registrationId, behind, instances } = gateway;
    if (behind !== undefined) return;
    if (!instances.has(GATEWAY_OBJECT) && !this.#o.registrations.hasChildren(registrationId)) return;
    if (isRefresh && this.#isUpToDate(gateway)) return;
    const dueMs = (this.#lookedAtMs.get(registrationId) ?? Number.NEGATIVE_INFINITY) + LOOK_GAP_MS;
    if (dueMs <= this.#o.elapsed() && !this.#busy.has(registrationId)) this.#ask(registrationId);
    else if (!this.#dueMs.has(registrationId)) this.#dueMs.set(registrationId, dueMs);
  }

  /** True while its children may be others than are known. */
  isLooking({ registrationId }: Registration): boolean {
    return this.#asked.has(registrationId) || this.#dueMs.has(registrationId);
  }

  #ask(registrationId: string): void {
    this.#asked.add(registrationId);
    this.#rounds.add(registrationId);
  }

  #isUpToDate({ registrationId, linkText }: Registration): boolean {
    const lookedAtMs = this.#lookedAtMs.get(registrationId) ?? Number.NEGATIVE_INFINITY;
    if (this.#seen.get(registrationId) !== linkText || lookedAtMs + REFRESH_GAP_MS <= this.#o.elapsed()) return false;
    const children = this.#changed.size === 0 ? [] : this.#o.registrations.childrenOf(registrationId);
    return !children.some((child) => this.#changed.has(child.registrationId));
  }

  of({ registrationId }: Registration): Registration[] {
    return this.#o.registrations.childrenOf(registrationId);
  }

  /** What is the gateway's is its children's: address, queue mode, binding. At once, before anything is sent to the old address. */
  carryOver(gateway: Registration): void {
    const { registrations } = this.#o;
    for (const child of registrations.childrenOf(gateway.registrationId)) {
      const isOther = child.queueMode !== gateway.queueMode || child.binding !== gateway.binding;
      if (child.peer === gateway.peer && !isOther) continue;
      const isMoved = !isSamePeer(child.peer, gateway.peer);
      const { peer, queueMode, binding } = gateway;
      registrations.replace(makeRegistration({ ...child, peer, queueMode, binding }));
      if (!isMoved && !isOther) continue;
      const change = isOther ? { queueMode, binding } : {};
      this.#changed.set(child.registrationId, { ...this.#changed.get(child.registrationId), ...change });
    }
  }

  /** The gateway is gone, or registered anew: its children end as it did. */
  endAllOf(gateway: Registration, end: RegistrationEnd): void {
    for (const known of [this.#lookedAtMs, this.#seen, this.#dueMs, this.#leftOut])
      known.delete(gateway.registrationId);
    for (const child of this.#o.registrations.childrenOf(gateway.registrationId)) this.#end(child, end);
    this.#recordEnds();
  }

  /** Once a second. */
  tick(): void {
    this.#recordEnds();
    const nowMs = this.#o.elapsed();
    for (const [registrationId, dueMs] of this.#dueMs) {
      if (dueMs > nowMs || this.#busy.has(registrationId)) continue;
      this.#dueMs.delete(registrationId);
      this.#ask(registrationId);
    }
  }

  /** Restored children without a gateway end. Gateways that were not asked yet are. */
  restored(): void {
    const { registrations } = this.#o;
    for (const registration of [...registrations.all()]) {
      const { behind } = registration;
      if (behind === undefined) {
        if (!registrations.hasChildren(registration.registrationId)) this.look(registration);
      } else if (registrations.byId(behind.gatewayRegistrationId) === undefined) {
        this.#end(registration, 'deregistered');
      }
    }
    this.#recordEnds();
  }

  async #round(registrationId: string): Promise<void> {
    const { registrations, object, counters, log, presence } = this.#o;
    const gateway = this.#current(registrationId);
    if (gateway === undefined || !presence.isAwake(gateway)) return;
    this.#busy.add(registrationId);
    this.#lookedAtMs.set(registrationId, this.#o.elapsed());
    this.#seen.delete(registrationId);
    try {
      const asks = gateway.instances.has(GATEWAY_OBJECT);
      const announced = asks ? announcedChildren(await object.read(gateway), gateway) : NOBODY;
      if (this.#current(registrationId) === undefined) return;
      await this.#becomes(registrationId, announced);
      this.#seen.set(registrationId, gateway.linkText);
    } catch (error) {
      if (this.#o.signal.aborted) return;
      const kafka = hasCode(error, 'KAFKA_UNAVAILABLE') || hasCode(error, 'KAFKA_BACKLOG_FULL');
      if (kafka) this.#dueMs.set(registrationId, this.#o.elapsed() + RETRY_MS);
      else counters.gateways_unread++;
      if (!isRetriable(error))
        log.warn({ endpoint: gateway.endpointName, reason: messageOf(error) }, 'object 25 of a gateway cannot be read');
    } finally {
      this.#busy.delete(registrationId);
      if (registrations.byId(registrationId) === undefined)
        for (const known of [this.#lookedAtMs, this.#seen, this.#dueMs]) known.delete(registrationId);
    }
  }

  /** Children go first: what is announced may have the name or the prefix of one that is not any more. */
  async #becomes(gatewayRegistrationId: string, { children, leftOut }: AnnouncedChildren): Promise<void> {
    this.#tell(gatewayRegistrationId, leftOut);
    const { registrations } = this.#o;
    for (const child of registrations.childrenOf(gatewayRegistrationId)) {
      if (!isSame(child, children.get(child.endpointName))) this.#end(child, 'deregistered');
    }
    this.#recordEnds();
    let last: Promise<void> | undefined;
    for (const announced of children.values()) {
      const gateway = this.#current(gatewayRegistrationId);
      if (gateway === undefined || this.#ends.length > 0) break;
      if (this.#o.outbox.backlog > BACKLOG_LIMIT) await last;
      const child = registrations.byEndpointName(announced.endpointName);
      if (child === undefined) last = this.#register(gateway, announced) ?? last;
      else if (child.behind?.gatewayRegistrationId === gatewayRegistrationId)
        last = this.#update(child, announced) ?? last;
      else this.#o.counters.children_left_out++;
    }
    await last;
    if (this.#ends.length > 0) this.#dueMs.set(gatewayRegistrationId, this.#o.elapsed() + LOOK_GAP_MS);
  }

  #register(gateway: Registration, announced: AnnouncedChild): Promise<void> | undefined {
    const { registrations, outbox, server, counters, events } = this.#o;
    if (registrations.isFullFor(announced.endpointName)) {
      counters.children_left_out++;
      return undefined;
    }
    const child = childOf(gateway, announced, this.#ids.next().toString('base64url'), this.#o.now());
    const record = outbox.registration(child.endpointName, newRecord(child, server));
    const committed = this.#append([record, registrationEntry(outbox, child, server)], () => {
      counters.children_registered++;
      const current = registrations.byId(child.registrationId);
      if (current !== undefined) events.onRegistered(current);
    });
    registrations.add(child);
    return committed;
  }

  #update(child: Registration, { linkText }: AnnouncedChild): Promise<void> | undefined {
    const { registrations, outbox, server, counters, events, refusals } = this.#o;
    const carried = this.#changed.get(child.registrationId);
    const announced = linkText === child.linkText ? undefined : parseAnnouncement(linkText);
    if (carried === undefined && announced === undefined) return undefined;
    const change = { ...carried, ...(announced !== undefined && { announced }) };
    const updated = makeRegistration({ ...child, ...announced, lastUpdateAtMs: this.#o.now() });
    const record = outbox.registration(updated.endpointName, updateRecord(updated, change, server.serverId));
    const committed = this.#append([record, registrationEntry(outbox, updated, server)], () => {
      counters.children_updated++;
      const current = registrations.byId(updated.registrationId);
      if (current !== undefined) events.onUpdated(current);
    });
    this.#changed.delete(child.registrationId);
    registrations.replace(updated);
    if (announced !== undefined) refusals.forget(updated.endpointName);
    return committed;
  }

  /** Throws when nothing could be appended; the caller then changes nothing. */
  #append(records: readonly OutgoingRecord[], then: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#o.outbox.appendAll(records, (error) => {
      if (error !== undefined) return reject(error);
      then();
      resolve();
    });
    // Of many only the last is waited for: it tells of those before it.
    promise.catch(() => undefined);
    return promise;
  }

  #end(child: Registration, end: RegistrationEnd): void {
    this.#ends.push(endingRecords(this.#o, child, end === 'expired', this.#o.now()));
    this.#changed.delete(child.registrationId);
    forgetRegistration(this.#o, child);
    this.#o.counters.children_ended++;
    this.#o.events.onEnded(child, end);
  }

  #recordEnds(): void {
    let recorded = 0;
    try {
      for (const records of this.#ends) {
        this.#o.outbox.appendAll(records);
        recorded++;
      }
    } catch (error) {
      if (!isRetriable(error)) this.#o.log.error({ err: error }, 'the end of a child could not be recorded');
    }
    if (recorded > 0) this.#ends = this.#ends.slice(recorded);
  }

  /** Told once for the same: a gateway is asked again and again. */
  #tell(gatewayRegistrationId: string, leftOut: AnnouncedChildren['leftOut']): void {
    const { objects, ...others } = leftOut;
    const count = Object.values(others).reduce((sum, one) => sum + one, 0);
    this.#o.counters.children_left_out += count;
    this.#o.counters.children_without_objects += objects;
    if (isSameCount(this.#leftOut.get(gatewayRegistrationId), leftOut)) return;
    if (count + objects === 0) return void this.#leftOut.delete(gatewayRegistrationId);
    this.#leftOut.set(gatewayRegistrationId, leftOut);
    const endpoint = this.#current(gatewayRegistrationId)?.endpointName;
    this.#o.log.warn(
      { endpoint, ...leftOut },
      'object 25 of a gateway has instances that are no devices; see its settings',
    );
  }

  #current(registrationId: string): Registration | undefined {
    return this.#o.signal.aborted ? undefined : this.#o.registrations.byId(registrationId);
  }
}

/** The same device at the same place; its objects may have changed. */
function isSame({ behind }: Registration, announced: AnnouncedChild | undefined): boolean {
  return announced !== undefined && behind?.prefix === announced.prefix && behind.deviceId === announced.deviceId;
}

/** A child has no lifetime of its own (0: without end): it ends when its gateway does. */
function childOf(
  gateway: Registration,
  { endpointName, prefix, deviceId, linkText }: AnnouncedChild,
  registrationId: string,
  nowMs: number,
): Registration {
  const { peer, version, binding, queueMode } = gateway;
  return makeRegistration({
    ...parseAnnouncement(linkText),
    ...{ endpointName, registrationId, peer, version, binding, queueMode },
    lifetimeSeconds: 0,
    smsNumber: undefined,
    profileId: undefined,
    attributes: undefined,
    registeredAtMs: nowMs,
    lastUpdateAtMs: nowMs,
    behind: {
      gatewayName: gateway.endpointName,
      gatewayRegistrationId: gateway.registrationId,
      prefix,
      deviceId,
    },
  });
}
