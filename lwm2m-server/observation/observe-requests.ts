import { randomBytes } from 'node:crypto';
import { PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { CoapEndpoint, CoapResponse } from '../../lwm2m/coap/endpoint.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import { formatPath, type Lwm2mPath, parsePath } from '../../lwm2m/path.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { observationEntry, observationTombstone } from '../bridge/state-entries.ts';
import { type RequestOptions, readBody, uriPath } from '../operation/device-requests.ts';
import {
  codeName,
  deviceRefusal,
  inWords,
  isSuccess,
  notRegistered,
  type Outcome,
  unreadableAnswer,
} from '../operation/outcome.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import { makeObservation, type Observation, type Observations } from './observations.ts';

/** RFC 7641 §2: the values of the Observe option of a request. */
const OBSERVE = 0;
const CANCEL = 1;

/** 8 random bytes: a stranger cannot guess the token of another's observation (RFC 7252 §5.3.1). */
const TOKEN_BYTES = 8;

export interface ObserveResult {
  readonly outcome: Outcome;
  /** The relation, when the device took it up, and the first answer. */
  readonly observation: Observation | undefined;
  readonly answer: CoapResponse | undefined;
  /** What the state topic must say now; to be asked for when it is committed, with whatever tells of the outcome. */
  state(): readonly OutgoingRecord[];
}

interface ObserveTarget {
  readonly path: string;
  readonly ticket: string;
  readonly accept?: number;
}

/** Starts and ends observations. An observation is known before its request leaves, since the first notification may overtake the answer. */
export class ObserveRequests {
  readonly #endpoint: Pick<CoapEndpoint, 'request'>;
  readonly #observations: Observations;
  readonly #registrations: Registrations;
  readonly #outbox: Outbox;
  readonly #models: ObjectModels;
  /** The request under way for each path of a device: two with one token would answer for each other. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(o: {
    endpoint: Pick<CoapEndpoint, 'request'>;
    observations: Observations;
    registrations: Registrations;
    outbox: Outbox;
    models: ObjectModels;
  }) {
    this.#endpoint = o.endpoint;
    this.#observations = o.observations;
    this.#registrations = o.registrations;
    this.#outbox = o.outbox;
    this.#models = o.models;
  }

  /** Observing a path again keeps its token, so that the device replaces the relation instead of adding one (RFC 7641 §3.1). */
  async start(registration: Registration, target: ObserveTarget, options: RequestOptions): Promise<ObserveResult> {
    const lwm2mPath = parsePath(target.path);
    const path = formatPath(lwm2mPath);
    if (path === '/')
      throw new PlatformError('LWM2M_PATH', 'observe needs a path of an object, an instance or a resource');
    return await this.#inTurn(registration, path, options, (current, left) =>
      this.#start(current, lwm2mPath, { ...target, path }, left),
    );
  }

  async #start(
    registration: Registration,
    lwm2mPath: Lwm2mPath,
    target: ObserveTarget,
    options: RequestOptions,
  ): Promise<ObserveResult> {
    const { path } = target;
    const older = this.#observations.byPath(registration.endpointName, path);
    const token = older?.token ?? randomBytes(TOKEN_BYTES);
    const { endpointName, registrationId } = registration;
    const observation = makeObservation({ endpointName, registrationId, path, token, ticket: target.ticket });
    this.#observations.set(observation);
    try {
      const accept = target.accept === undefined ? {} : { accept: target.accept };
      const request = {
        method: 'GET',
        path: uriPath(registration, lwm2mPath),
        observe: OBSERVE,
        token,
        ...accept,
      } as const;
      const answer = await this.#endpoint.request(registration.peer, request, options);
      return this.#resultOf(observation, answer);
    } catch (error) {
      this.#restore(observation, older);
      throw error;
    }
  }

  /** Ends it here in any case, and at the device when it answers; a later notification is answered with a reset. */
  async cancel(registration: Registration, requestedPath: string, options: RequestOptions): Promise<ObserveResult> {
    const lwm2mPath = parsePath(requestedPath);
    const path = formatPath(lwm2mPath);
    return await this.#inTurn(registration, path, options, (current, left) =>
      this.#cancel(current, lwm2mPath, path, left),
    );
  }

  async #cancel(
    registration: Registration,
    lwm2mPath: Lwm2mPath,
    path: string,
    options: RequestOptions,
  ): Promise<ObserveResult> {
    const observation = this.#observations.byPath(registration.endpointName, path);
    if (observation === undefined) {
      return {
        outcome: inWords('NOT_FOUND', `${path} is not observed`),
        observation: undefined,
        answer: undefined,
        state: () => [],
      };
    }
    this.#observations.remove(observation);
    const request = {
      method: 'GET',
      path: uriPath(registration, lwm2mPath),
      observe: CANCEL,
      token: observation.token,
    } as const;
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

  #resultOf(observation: Observation, answer: CoapResponse): ObserveResult {
    const refused = !isSuccess(answer.code);
    const state = () => this.#stateOf(observation);
    // Without an Observe option the device answered a plain read: there is no relation (RFC 7641 §4.1).
    if (refused || answer.observe === undefined) {
      this.#observations.remove(observation);
      const outcome = refused ? deviceRefusal(answer.code, answer.payload) : this.#valueOf(observation, answer);
      return { outcome, observation: undefined, answer, state };
    }
    // The registration may have ended meanwhile, and its observations with it.
    const current = this.#observations.holds(observation) ? observation : undefined;
    return { outcome: this.#valueOf(observation, answer), observation: current, answer, state };
  }

  /** Nothing when the path is another observation's by now: the key is that one's, and so is what stands under it. */
  #stateOf(observation: Observation): OutgoingRecord[] {
    const current = this.#observations.byPath(observation.endpointName, observation.path);
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
    const key = `${endpointName}${path}`;
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

  #valueOf(observation: Observation, answer: CoapResponse): Outcome {
    try {
      return { code: codeName(answer.code), body: readBody(answer, observation.lwm2mPath, this.#models) };
    } catch (error) {
      return unreadableAnswer(error);
    }
  }

  /** Back to what was before, unless the registration or another request has changed it since. */
  #restore(failed: Observation, older: Observation | undefined): void {
    if (!this.#observations.holds(failed)) return;
    this.#observations.remove(failed);
    if (older !== undefined) this.#observations.set(older);
  }
}
