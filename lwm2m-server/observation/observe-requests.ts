import { PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { CoapEndpoint, CoapResponse } from '../../lwm2m/coap/endpoint.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import { formatPath, parsePath } from '../../lwm2m/path.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { observationEntry, observationTombstone } from '../bridge/state-entries.ts';
import { compositeAnswer, type ReadAnswer, readAnswer, readerFor } from '../operation/answers.ts';
import { compositeKey, isCompositeKey } from '../operation/composite.ts';
import type { RequestOptions } from '../operation/device-requests.ts';
import {
  codeName,
  deviceRefusal,
  inWords,
  isSuccess,
  notRegistered,
  type Outcome,
  unreadableAnswer,
} from '../operation/outcome.ts';
import { sequenceOf, type ValueRecords } from '../operation/value-records.ts';
import { RandomBytes } from '../random-bytes.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import { makeObservation, type Observation, type Observations } from './observations.ts';
import type { ObserveTarget } from './observe-targets.ts';
import { observedRequest, recordPath } from './observed-request.ts';
import type { Wishes } from './wishes.ts';

/** RFC 7641 §2: the values of the Observe option of a request. */
const OBSERVE = 0;
const CANCEL = 1;

/** 8 random bytes: a stranger cannot guess the token of another's observation (RFC 7252 §5.3.1). */
const TOKEN_BYTES = 8;

export interface ObserveResult {
  readonly outcome: Outcome;
  /** When the value in the outcome was taken, if the device said so. */
  readonly valueTimestampMs?: number;
  /** The relation, when the device took it up, and the first answer. */
  readonly observation: Observation | undefined;
  readonly answer: CoapResponse | undefined;
  /** What the state topic must say now; to be asked for when it is committed, with whatever tells of the outcome. */
  state(): readonly OutgoingRecord[];
}

/** Starts and ends observations. An observation is known before its request leaves, since the first notification may overtake the answer. */
export class ObserveRequests {
  readonly #endpoint: Pick<CoapEndpoint, 'request'>;
  readonly #observations: Observations;
  readonly #registrations: Registrations;
  readonly #wishes: Wishes;
  readonly #outbox: Outbox;
  readonly #models: ObjectModels;
  readonly #values: ValueRecords;
  readonly #now: () => number;
  readonly #tokens = new RandomBytes(TOKEN_BYTES);
  /** The request under way for each path of a device: two with one token would answer for each other. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(o: {
    endpoint: Pick<CoapEndpoint, 'request'>;
    observations: Observations;
    registrations: Registrations;
    wishes: Wishes;
    outbox: Outbox;
    models: ObjectModels;
    values: ValueRecords;
    now: () => number;
  }) {
    this.#endpoint = o.endpoint;
    this.#observations = o.observations;
    this.#registrations = o.registrations;
    this.#wishes = o.wishes;
    this.#outbox = o.outbox;
    this.#models = o.models;
    this.#values = o.values;
    this.#now = o.now;
  }

  /** Observing a path again keeps its token, so that the device replaces the relation instead of adding one (RFC 7641 §3.1). */
  async start(registration: Registration, target: ObserveTarget, options: RequestOptions): Promise<ObserveResult> {
    const { composite } = target;
    const path = composite === undefined ? formatPath(parsePath(target.path)) : compositeKey(composite.paths);
    if (path === '/')
      throw new PlatformError('LWM2M_PATH', 'observe needs a path of an object, an instance or a resource');
    return await this.#inTurn(registration, path, options, (current, left) =>
      this.#start(current, { ...target, path }, left),
    );
  }

  async #start(registration: Registration, target: ObserveTarget, options: RequestOptions): Promise<ObserveResult> {
    const { path } = target;
    const older = this.#observations.byPath(registration.endpointName, path);
    const token = older?.token ?? this.#tokens.next();
    const { endpointName, registrationId } = registration;
    const observation = makeObservation({
      endpointName,
      registrationId,
      path,
      token,
      ticket: target.ticket,
      accept: target.accept,
      composite: target.composite,
    });
    this.#observations.set(observation);
    try {
      const request = { ...observedRequest(registration, observation), observe: OBSERVE, token } as const;
      const answer = await this.#endpoint.request(registration.peer, request, options);
      return this.#resultOf(registration, observation, answer);
    } catch (error) {
      this.#restore(observation, older);
      throw error;
    }
  }

  /**
   * Ends it here in any case, and at the device when it answers; a later notification is answered with a reset.
   * @param requestedPath of a composite observation its key
   */
  async cancel(registration: Registration, requestedPath: string, options: RequestOptions): Promise<ObserveResult> {
    const path = isCompositeKey(requestedPath) ? requestedPath : formatPath(parsePath(requestedPath));
    return await this.#inTurn(registration, path, options, (current, left) => this.#cancel(current, path, left));
  }

  async #cancel(registration: Registration, path: string, options: RequestOptions): Promise<ObserveResult> {
    const observation = this.#observations.byPath(registration.endpointName, path);
    if (observation === undefined) {
      const wished = this.dropWish(registration.endpointName, path);
      if (wished !== undefined) return wished;
      return {
        outcome: inWords('NOT_FOUND', `${path} is not observed`),
        observation: undefined,
        answer: undefined,
        state: () => [],
      };
    }
    this.#observations.remove(observation);
    const { token } = observation;
    const request = { ...observedRequest(registration, observation), observe: CANCEL, token } as const;
    const outcome = await this.#endpoint.request(registration.peer, request, options).then(
      (answer) =>
        isSuccess(answer.code)
          ? inWords(codeName(answer.code), 'CANCELLED')
          : deviceRefusal(answer.code, answer.payload),
      (error: unknown) => {
        if (options.signal.aborted || !(error instanceof PlatformError)) throw error;
        return inWords('CHANGED', `CANCELLED here; the device learns it at its next notification (${error.code})`);
      },
    );
    return { outcome, observation: undefined, answer: undefined, state: () => this.#stateOf(observation) };
  }

  /**
   * Cancels an observation that no device holds now, without asking one; undefined when there is none. A composite one is found by
   * its ticket where the path is the root. Throws LWM2M_PATH.
   */
  dropWish(endpointName: string, requestedPath: string, ticket?: string): ObserveResult | undefined {
    const asked = isCompositeKey(requestedPath) ? requestedPath : formatPath(parsePath(requestedPath));
    const byTicket = this.#wishes.of(endpointName).find((wish) => wish.composite && wish.ticket === ticket);
    const path = asked === '/' && byTicket !== undefined ? byTicket.path : asked;
    if (this.#observations.byPath(endpointName, path) !== undefined) return undefined;
    if (!this.#wishes.remove(endpointName, path)) return undefined;
    return {
      outcome: inWords('CHANGED', 'CANCELLED: the device did not have it'),
      observation: undefined,
      answer: undefined,
      state: () => [observationTombstone(this.#outbox, { endpointName, path })],
    };
  }

  #resultOf(registration: Registration, observation: Observation, answer: CoapResponse): ObserveResult {
    const refused = !isSuccess(answer.code);
    const read = refused ? undefined : this.#read(registration, observation, answer);
    const state = () => [...this.#stateOf(observation), ...this.#besides(observation, answer, read)];
    const outcome = read?.outcome ?? deviceRefusal(answer.code, answer.payload);
    const valueTimestampMs = read?.valueTimestampMs;
    const timed = valueTimestampMs === undefined ? {} : { valueTimestampMs };
    // Without an Observe option the device answered a plain read: there is no relation (RFC 7641 §4.1).
    if (refused || answer.observe === undefined) {
      this.#observations.remove(observation);
      return { outcome, ...timed, observation: undefined, answer, state };
    }
    // The registration may have ended meanwhile, and its observations with it.
    const current = this.#observations.holds(observation) ? observation : undefined;
    if (current !== undefined) this.#wishes.remove(current.endpointName, current.path);
    return { outcome, ...timed, observation: current, answer, state };
  }

  /** Nothing when the path is another observation's by now, or a wish: the key is that one's, and so is what stands under it. */
  #stateOf(observation: Observation): OutgoingRecord[] {
    const { endpointName, path } = observation;
    const current = this.#observations.byPath(endpointName, path);
    if (current === undefined && this.#wishes.has(endpointName, path)) return [];
    if (current === undefined) return [observationTombstone(this.#outbox, observation)];
    return current === observation ? [observationEntry(this.#outbox, observation)] : [];
  }

  /**
   * Waits for the request under way on this path, at most as long as this one may take, then runs with the registration as it
   * is then. Throws COAP_TIMEOUT, COAP_CANCELLED, LWM2M_NOT_REGISTERED.
   */
  async #inTurn<T>(
    { endpointName, registrationId }: Registration,
    path: string,
    { timeoutMs, signal }: RequestOptions,
    run: (registration: Registration, options: RequestOptions) => Promise<T>,
  ): Promise<T> {
    const key = `${endpointName} ${path}`;
    const deadline = performance.now() + timeoutMs;
    for (let other = this.#underWay.get(key); other !== undefined; other = this.#underWay.get(key)) {
      const waiting = new AbortController();
      await Promise.race([other, sleep(deadline - performance.now(), AbortSignal.any([signal, waiting.signal]))]);
      waiting.abort();
      if (signal.aborted) throw new PlatformError('COAP_CANCELLED', 'the request was withdrawn while it waited');
      if (performance.now() >= deadline) throw new PlatformError('COAP_TIMEOUT', `${path} is being observed already`);
    }
    const current = this.#registrations.byId(registrationId);
    if (current === undefined) throw notRegistered(endpointName);
    const running = run(current, { timeoutMs: Math.max(1, deadline - performance.now()), signal });
    const settled = running.catch(() => undefined).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, settled);
    return await running;
  }

  #read(registration: Registration, { lwm2mPath, composite }: Observation, answer: CoapResponse): ReadAnswer {
    const reader = readerFor(this.#models, registration);
    try {
      if (composite !== undefined) return compositeAnswer(answer, composite.paths, reader, this.#now());
      return readAnswer(answer, lwm2mPath, reader, this.#now());
    } catch (error) {
      this.#values.countFaults(answer.contentFormat);
      return { outcome: unreadableAnswer(error) };
    }
  }

  /** What the reply has no place for becomes records, as if it had come in a notification. */
  #besides(observation: Observation, { observe }: CoapResponse, read: ReadAnswer | undefined): OutgoingRecord[] {
    if (read?.beside === undefined) return [];
    const at = { path: recordPath(observation), nowMs: this.#now(), sequence: sequenceOf(observe, 0) };
    return this.#values.ofContent(observation, read.beside, at);
  }

  /** Back to what was before, unless the registration or another request has changed it since. */
  #restore(failed: Observation, older: Observation | undefined): void {
    if (!this.#observations.holds(failed)) return;
    this.#observations.remove(failed);
    if (older !== undefined) this.#observations.set(older);
  }
}
