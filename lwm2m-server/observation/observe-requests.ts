import { randomBytes } from 'node:crypto';
import { PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { CoapEndpoint, CoapResponse } from '../../lwm2m/coap/endpoint.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import { formatPath, parsePath } from '../../lwm2m/path.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { observationEntry, observationTombstone } from '../bridge/state-entries.ts';
import { type RequestOptions, readBody, uriPath } from '../operation/device-requests.ts';
import { codeName, deviceRefusal, inWords, isSuccess, type Outcome, unreadableAnswer } from '../operation/outcome.ts';
import type { Registration } from '../registration/registration.ts';
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
  /** To be committed with whatever tells of the outcome. */
  readonly state: readonly OutgoingRecord[];
}

/** Starts and ends observations. An observation is known before its request leaves, since the first notification may overtake the answer. */
export class ObserveRequests {
  readonly #endpoint: Pick<CoapEndpoint, 'request'>;
  readonly #observations: Observations;
  readonly #outbox: Outbox;
  readonly #models: ObjectModels;

  constructor(o: {
    endpoint: Pick<CoapEndpoint, 'request'>;
    observations: Observations;
    outbox: Outbox;
    models: ObjectModels;
  }) {
    this.#endpoint = o.endpoint;
    this.#observations = o.observations;
    this.#outbox = o.outbox;
    this.#models = o.models;
  }

  /** Observing a path again keeps its token, so that the device replaces the relation instead of adding one (RFC 7641 §3.1). */
  async start(
    registration: Registration,
    target: { readonly path: string; readonly ticket: string; readonly accept?: number },
    options: RequestOptions,
  ): Promise<ObserveResult> {
    const lwm2mPath = parsePath(target.path);
    const path = formatPath(lwm2mPath);
    if (path === '/')
      throw new PlatformError('LWM2M_PATH', 'observe needs a path of an object, an instance or a resource');
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
    const observation = this.#observations.byPath(registration.endpointName, path);
    if (observation === undefined) {
      return {
        outcome: inWords('NOT_FOUND', `${path} is not observed`),
        observation: undefined,
        answer: undefined,
        state: [],
      };
    }
    this.#observations.remove(observation);
    const state = [observationTombstone(this.#outbox, observation)];
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
        if (error instanceof PlatformError && error.code === 'COAP_TIMEOUT') {
          return inWords(
            'CHANGED',
            'CANCELLED here; the device does not answer and will be told at its next notification',
          );
        }
        throw error;
      },
    );
    return { outcome, observation: undefined, answer: undefined, state };
  }

  #resultOf(observation: Observation, answer: CoapResponse): ObserveResult {
    const refused = !isSuccess(answer.code);
    // Without an Observe option the device answered a plain read: there is no relation (RFC 7641 §4.1).
    if (refused || answer.observe === undefined) {
      this.#observations.remove(observation);
      const state = [observationTombstone(this.#outbox, observation)];
      const outcome = refused ? deviceRefusal(answer.code, answer.payload) : this.#valueOf(observation, answer);
      return { outcome, observation: undefined, answer, state };
    }
    const state = [observationEntry(this.#outbox, observation)];
    return { outcome: this.#valueOf(observation, answer), observation, answer, state };
  }

  #valueOf(observation: Observation, answer: CoapResponse): Outcome {
    try {
      return { code: codeName(answer.code), body: readBody(answer, observation.lwm2mPath, this.#models) };
    } catch (error) {
      return unreadableAnswer(error);
    }
  }

  #restore(failed: Observation, older: Observation | undefined): void {
    this.#observations.remove(failed);
    if (older !== undefined) this.#observations.set(older);
  }
}
