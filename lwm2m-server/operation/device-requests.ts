import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { CoapEndpoint, CoapResponse, OutgoingRequest, TransferProgress } from '../../lwm2m/coap/endpoint.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import { type Lwm2mPath, parsePath } from '../../lwm2m/path.ts';
import type { AvroRequestPayload } from '../../schemas/generated/records.ts';
import type { Registration } from '../registration/registration.ts';
import { compositeAnswer, createAnswer, discoverAnswer, type ReadAnswer, readAnswer, readerFor } from './answers.ts';
import { fetchRequest, parseCompositePaths, writeCompositeRequest } from './composite.ts';
import { formatFor } from './content-negotiation.ts';
import { namePrefix, uriPath } from './node-paths.ts';
import { codeName, deviceRefusal, inWords, isSuccess, type Outcome, unreadableAnswer } from './outcome.ts';
import { bodyOf, plainRequest } from './plain-requests.ts';
import { READ, type ValueRecords } from './value-records.ts';

export { uriPath } from './node-paths.ts';

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called after each block of a block-wise transfer. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** A command of which everything is known but the device's address. */
export interface PreparedRequest {
  readonly payload: AvroRequestPayload;
  /** The root for a composite operation. */
  readonly path: Lwm2mPath;
  /** What a composite read asks for. */
  readonly paths: readonly Lwm2mPath[];
  readonly request: Omit<OutgoingRequest, 'path'>;
  readonly ticket: string;
}

export interface OperationResult {
  readonly outcome: Outcome;
  /** When the value in the outcome was taken, if the device said so. */
  readonly valueTimestampMs?: number;
  /** To be committed with whatever tells of the outcome: values that it has no place for. */
  readonly state?: () => readonly OutgoingRecord[];
}

export interface DeviceRequestsOptions {
  readonly endpoint: Pick<CoapEndpoint, 'request'>;
  readonly models: ObjectModels;
  readonly values: ValueRecords;
  readonly now: () => number;
}

const NO_PATHS: readonly Lwm2mPath[] = [];
const REQUEST = 'io.zeelos.leshan.avro.request';

/** The operations on a device but those of observation. A bad request throws; what the device answers becomes an outcome. */
export class DeviceRequests {
  readonly #o: DeviceRequestsOptions;

  constructor(options: DeviceRequestsOptions) {
    this.#o = options;
  }

  /** Throws what the requester did wrong: LWM2M_PATH, LWM2M_REQUEST, LWM2M_ATTRIBUTES, LWM2M_CONTENT, LWM2M_CONTENT_FORMAT. */
  prepare(payload: AvroRequestPayload, registration: Registration, ticket: string): PreparedRequest {
    if (payload.kind === 'readComposite') {
      const paths = parseCompositePaths(bodyOf(payload, `${REQUEST}.AvroReadCompositeRequest`).paths);
      const format = formatFor(payload.contentFormat, registration, 'composite');
      const request = fetchRequest(paths, format, namePrefix(registration));
      return { payload, path: {}, paths, request, ticket };
    }
    if (payload.kind === 'writeComposite') {
      const { nodes } = bodyOf(payload, `${REQUEST}.AvroWriteCompositeRequest`);
      const format = formatFor(payload.contentFormat, registration, 'composite');
      const request = writeCompositeRequest(nodes, format, namePrefix(registration));
      return { payload, path: {}, paths: NO_PATHS, request, ticket };
    }
    const path = parsePath(payload.path);
    return { payload, path, paths: NO_PATHS, request: plainRequest(payload, path, registration), ticket };
  }

  async run(registration: Registration, prepared: PreparedRequest, options: RequestOptions): Promise<OperationResult> {
    const addressed = { ...prepared.request, path: uriPath(registration, prepared.path) };
    const answer = await this.#o.endpoint.request(registration.peer, addressed, options);
    if (!isSuccess(answer.code)) return { outcome: deviceRefusal(answer.code, answer.payload) };
    try {
      return this.#resultOf(registration, prepared, answer);
    } catch (error) {
      this.#o.values.countFaults(answer.contentFormat);
      return { outcome: unreadableAnswer(error) };
    }
  }

  #resultOf(registration: Registration, prepared: PreparedRequest, answer: CoapResponse): OperationResult {
    const { payload, path, paths } = prepared;
    const reader = readerFor(this.#o.models, registration);
    const nowMs = this.#o.now();
    switch (payload.kind) {
      case 'read':
        return this.#withBeside(registration, prepared, readAnswer(answer, path, reader, nowMs), nowMs);
      case 'readComposite':
        return this.#withBeside(registration, prepared, compositeAnswer(answer, paths, reader, nowMs), nowMs);
      case 'discover':
        return { outcome: discoverAnswer(answer, registration) };
      case 'create': {
        const { id } = bodyOf(payload, `${REQUEST}.AvroCreateRequest`).instance;
        return { outcome: createAnswer(answer, registration, path, id) };
      }
      default:
        return { outcome: inWords(codeName(answer.code)) };
    }
  }

  /** The reply has room for one value of a path: older ones and faults become records of the observations, under its ticket. */
  #withBeside(
    { endpointName }: Registration,
    { payload, ticket }: PreparedRequest,
    { outcome, valueTimestampMs, beside }: ReadAnswer,
    nowMs: number,
  ): OperationResult {
    const timed = valueTimestampMs === undefined ? {} : { valueTimestampMs };
    if (beside === undefined) return { outcome, ...timed };
    const owner = { endpointName, observationId: READ, ticket };
    const at = { path: payload.path, nowMs, sequence: undefined };
    return { outcome, ...timed, state: () => this.#o.values.ofContent(owner, beside, at) };
  }
}
