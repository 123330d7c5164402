import { PlatformError } from '../../common/errors.ts';
import type { CoapEndpoint } from '../../lwm2m/coap/endpoint.ts';
import type { Lwm2mNode } from '../../lwm2m/content/node.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import { decodeDeviceTimedContent } from '../models/device-content.ts';
import { readerFor } from '../operation/answers.ts';
import { formatFor } from '../operation/content-negotiation.ts';
import { uriPath } from '../operation/node-paths.ts';
import { isSuccess } from '../operation/outcome.ts';
import type { Registration } from '../registration/registration.ts';
import { GATEWAY_OBJECT } from './announced-children.ts';

/** A gateway that was just heard and does not answer for so long is asked again when it is heard again. */
const LONGEST_WAIT_MS = 60_000;

const PATH = { objectId: GATEWAY_OBJECT } as const;

export interface GatewayObjectOptions {
  readonly endpoint: Pick<CoapEndpoint, 'request'>;
  readonly models: ObjectModels;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** Reads object 25, where a gateway says which devices are behind it. */
export class GatewayObject {
  readonly #o: GatewayObjectOptions;

  constructor(options: GatewayObjectOptions) {
    this.#o = options;
  }

  /** Undefined when there are no instances. Throws COAP_…, LWM2M_CONTENT, and LWM2M_REFUSED for what the gateway refuses. */
  async read(gateway: Registration): Promise<Lwm2mNode | undefined> {
    const { endpoint, models, requestTimeoutMs, signal, now } = this.#o;
    const request = {
      method: 'GET',
      path: uriPath(gateway, PATH),
      accept: formatFor('AUTO', gateway, 'read'),
    } as const;
    const options = { timeoutMs: Math.min(requestTimeoutMs, LONGEST_WAIT_MS), signal };
    const answer = await endpoint.request(gateway.peer, request, options);
    if (answer.code === '4.04') return undefined;
    if (!isSuccess(answer.code)) throw new PlatformError('LWM2M_REFUSED', `the gateway answers ${answer.code}`);
    const { models: own, prefix } = readerFor(models, gateway);
    const content = decodeDeviceTimedContent(answer.contentFormat, answer.payload, PATH, own, now(), prefix);
    // What cannot be read of it whole is not acted on: a child must not end for a record that is broken.
    const [fault] = content.faults;
    if (fault !== undefined) throw fault;
    return content.values.at(-1)?.node;
  }
}
