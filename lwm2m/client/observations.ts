import { hasCode, messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { NotifyOutcome, OutgoingNotification } from '../coap/endpoint.ts';
import type { Peer } from '../coap/transport.ts';
import { encodeContent } from '../content/codec.ts';
import type { Lwm2mNode } from '../content/node.ts';
import { type Lwm2mPath, pathSegments } from '../path.ts';
import type { Clock } from './clock.ts';
import { dueAtMs, isPeriodOver, isWorthSending, type NotificationRules } from './notification-rules.ts';
import { numberOf } from './readings.ts';

export interface NewObservation {
  readonly peer: Peer;
  readonly token: Buffer;
  readonly path: Lwm2mPath;
  /** Of the first answer; notifications keep it. */
  readonly contentFormat: number;
  /** What the first answer said. */
  readonly node: Lwm2mNode;
  /** `changes` as it stood before that answer was read: what changed meanwhile is not lost. */
  readonly changesBefore: number;
}

export interface ObservationParts {
  readonly clock: Clock;
  readonly log?: Log | undefined;
  /** At it an Observe is answered like a plain Read (RFC 7641 §4.1). */
  readonly maxObservations: number;
  readonly confirmable: boolean;
  readNode(path: Lwm2mPath): Promise<Lwm2mNode>;
  rulesOf(path: Lwm2mPath): NotificationRules;
  notify(peer: Peer, notification: OutgoingNotification): Promise<NotifyOutcome>;
  /** The server rejected a notification, or none was acknowledged: it may have forgotten this device. */
  onDoubt(): void;
}

interface Observation {
  readonly id: string;
  readonly peer: Peer;
  readonly token: Buffer;
  readonly path: Lwm2mPath;
  readonly contentFormat: number;
  lastSentAtMs: number;
  lastNumber: number | undefined;
  changed: boolean;
  /** Not looked at before: after a read or a transmission that failed. */
  holdUntilMs: number;
}

/** After a value could not be read; a change, reported by its owner, ends it. */
const READ_PAUSE_MS = 10_000;
/** After a notification stayed without acknowledgement; a sign of life of the server ends it. */
const SILENCE_PAUSE_MS = 10_000;
const OBSERVE_MODULUS = 2 ** 24;

/**
 * Decides when which observed value is sent: one timer and one notification under way for the whole device, so that a
 * value that changes faster than the server acknowledges is sent as it stands when its turn comes. The observation
 * that has been due longest goes first.
 */
export class Observations {
  readonly #parts: ObservationParts;
  readonly #byId = new Map<string, Observation>();
  #cancelTimer: (() => void) | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #underWay = false;
  #stopped = false;
  #sequence = 0;
  #sent = 0;
  #changes = 0;

  constructor(parts: ObservationParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Notifications handed to the endpoint since the start. */
  get sent(): number {
    return this.#sent;
  }

  /** Changes reported since the start. */
  get changes(): number {
    return this.#changes;
  }

  /** The Observe number of the answer, or undefined when no room is left. The same peer and token replace their observation. */
  add(o: NewObservation): number | undefined {
    const id = observationId(o.peer, o.token);
    if (this.#stopped || (this.#byId.size >= this.#parts.maxObservations && !this.#byId.has(id))) return undefined;
    const lastSentAtMs = this.#parts.clock.now();
    const { peer, token, path, contentFormat, node } = o;
    const state = {
      lastSentAtMs,
      lastNumber: numberOf(node),
      changed: o.changesBefore !== this.#changes,
      holdUntilMs: 0,
    };
    this.#byId.set(id, { id, peer, token, path, contentFormat, ...state });
    this.#plan();
    return this.#nextSequence();
  }

  remove(peer: Peer, token: Buffer): void {
    this.#byId.delete(observationId(peer, token));
  }

  /** All of them, as after a new registration. */
  clear(): void {
    this.#byId.clear();
    this.#plan();
  }

  /** Those at or below a path that is gone. */
  removeBelow(path: Lwm2mPath): void {
    for (const observation of this.#byId.values()) {
      if (covers(path, observation.path)) this.#byId.delete(observation.id);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.clear();
  }

  /** A value at this path, or somewhere below it, changed. */
  changed(path: Lwm2mPath): void {
    this.#changes++;
    let any = false;
    for (const observation of this.#byId.values()) {
      if (!covers(observation.path, path) && !covers(path, observation.path)) continue;
      observation.changed = true;
      observation.holdUntilMs = 0;
      any = true;
    }
    if (any) this.#plan();
  }

  /** Attributes changed: due times may have. */
  replan(): void {
    this.#plan();
  }

  /** The server answered something: what waited because of its silence goes on. */
  onSignOfLife(): void {
    for (const observation of this.#byId.values()) observation.holdUntilMs = 0;
    this.#plan();
  }

  #plan(): void {
    if (this.#underWay) return;
    const next = this.#earliest();
    const now = this.#parts.clock.now();
    if (next !== undefined && next.atMs <= now) {
      this.#setTimer(Number.POSITIVE_INFINITY);
      this.#underWay = true;
      void this.#attend(next.observation).finally(() => {
        this.#underWay = false;
        this.#plan();
      });
    } else {
      this.#setTimer(next?.atMs ?? Number.POSITIVE_INFINITY);
    }
  }

  #earliest(): { readonly observation: Observation; readonly atMs: number } | undefined {
    let best: Observation | undefined;
    let bestAtMs = Number.POSITIVE_INFINITY;
    for (const observation of this.#byId.values()) {
      const due = dueAtMs(this.#parts.rulesOf(observation.path), observation);
      const atMs = Math.max(due, observation.holdUntilMs);
      if (atMs < bestAtMs) {
        best = observation;
        bestAtMs = atMs;
      }
    }
    return best === undefined ? undefined : { observation: best, atMs: bestAtMs };
  }

  #setTimer(atMs: number): void {
    if (atMs === this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#parts.clock.after(atMs - this.#parts.clock.now(), () => {
      this.#cancelTimer = undefined;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#plan();
    });
  }

  /** Never rejects. */
  async #attend(observation: Observation): Promise<void> {
    observation.changed = false;
    let node: Lwm2mNode;
    try {
      node = await this.#parts.readNode(observation.path);
    } catch (error) {
      // No error notification: it would end the observation (RFC 7641 §4.2), and the value comes back with its bus.
      observation.holdUntilMs = this.#parts.clock.now() + READ_PAUSE_MS;
      this.#parts.log?.debug({ path: observation.path, reason: messageOf(error) }, 'an observed value cannot be read');
      return;
    }
    if (this.#byId.get(observation.id) !== observation) return;
    const rules = this.#parts.rulesOf(observation.path);
    const now = this.#parts.clock.now();
    const number = observation.path.resourceId === undefined ? undefined : numberOf(node);
    const periodOver = isPeriodOver(rules, observation.lastSentAtMs, now);
    if (!periodOver && !isWorthSending(rules, observation.lastNumber, number)) return;
    observation.lastSentAtMs = now;
    const before = observation.lastNumber;
    observation.lastNumber = number;
    if (!(await this.#delivered(observation, node))) observation.lastNumber = before;
  }

  async #delivered(observation: Observation, node: Lwm2mNode): Promise<boolean> {
    const { peer, token, path, contentFormat } = observation;
    const { confirmable } = this.#parts;
    try {
      const payload = encodeContent(contentFormat, node, path);
      const observe = this.#nextSequence();
      this.#sent++;
      const notification = { token, observe, confirmable, contentFormat, payload, path: pathSegments(path) };
      const outcome = await this.#parts.notify(peer, notification);
      if (outcome !== 'reset') return true;
      this.#byId.delete(observation.id);
      this.#parts.onDoubt();
    } catch (error) {
      observation.changed = true;
      observation.holdUntilMs = this.#parts.clock.now() + SILENCE_PAUSE_MS;
      if (hasCode(error, 'COAP_TIMEOUT')) this.#parts.onDoubt();
      this.#parts.log?.debug({ path, reason: messageOf(error) }, 'a notification was not delivered');
    }
    return false;
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) % OBSERVE_MODULUS;
    return this.#sequence;
  }
}

function observationId(peer: Peer, token: Buffer): string {
  return `${token.toString('hex')} ${peer.key}`;
}

/** True when `inner` is `outer` or lies below it. */
function covers(outer: Lwm2mPath, inner: Lwm2mPath): boolean {
  return (
    (outer.objectId === undefined || outer.objectId === inner.objectId) &&
    (outer.instanceId === undefined || outer.instanceId === inner.instanceId) &&
    (outer.resourceId === undefined || outer.resourceId === inner.resourceId) &&
    (outer.resourceInstanceId === undefined || outer.resourceInstanceId === inner.resourceInstanceId)
  );
}
