import assert from 'node:assert/strict';
import { CoapEndpoint, type CoapRequest, type Respond } from '../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../lwm2m/coap/transport.ts';
import { encodeContent } from '../../../lwm2m/content/codec.ts';
import type { Lwm2mNode } from '../../../lwm2m/content/node.ts';
import { decodePaths, encodeComposite } from '../../../lwm2m/content/timed-content.ts';
import { formatPath, parsePath } from '../../../lwm2m/path.ts';

const SENML_CBOR = 112;
const LINK = 40;
const VALUES: Readonly<Record<string, Lwm2mNode>> = {
  '/3303/0/5700': { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 21.5 } },
  '/3/0/0': { kind: 'resource', id: 0, value: { type: 'STRING', value: 'maker' } },
  '/3/0/6': {
    kind: 'multipleResource',
    id: 6,
    type: 'INTEGER',
    values: new Map([
      [0, { type: 'INTEGER', value: 1 }],
      [1, { type: 'INTEGER', value: 5 }],
    ]),
  },
  '/3303/0': {
    kind: 'instance',
    id: 0,
    resources: [
      { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 21.5 } },
      { kind: 'resource', id: 5701, value: { type: 'STRING', value: 'Cel' } },
    ],
  },
};

/** A LwM2M 1.1 device that does whatever it is told, and notes what that was. */
export class RestDevice {
  readonly endpointName: string;
  readonly #endpoint: CoapEndpoint;
  readonly #server: ReturnType<typeof udpPeer>;
  /** `PUT /1/0/1`, in the order they came. */
  readonly log: string[] = [];
  /** Tokens of observations by path. */
  readonly tokens = new Map<string, Buffer>();
  readonly payloads: Buffer[] = [];
  /** Requests on these paths get no answer. */
  readonly silent = new Set<string>();
  delayMs = 0;
  underWay = 0;
  mostUnderWay = 0;
  #location: readonly string[] = [];

  private constructor(endpointName: string, endpoint: CoapEndpoint, serverPort: number) {
    this.endpointName = endpointName;
    this.#endpoint = endpoint;
    this.#server = udpPeer('127.0.0.1', serverPort);
  }

  static async start(serverPort: number, endpointName: string, binding = 'U'): Promise<RestDevice> {
    let device: RestDevice | undefined;
    const endpoint = await CoapEndpoint.open({
      onRequest: (request, respond) => device!.#take(request, respond),
      onNotification: (notification) => notification.reject(),
    });
    device = new RestDevice(endpointName, endpoint, serverPort);
    await device.register(binding);
    return device;
  }

  async register(binding: string): Promise<void> {
    const answer = await this.#endpoint.request(this.#server, {
      method: 'POST',
      path: ['rd'],
      query: [`ep=${this.endpointName}`, 'lt=300', 'lwm2m=1.1', ...(binding === 'Q' ? ['b=U', 'Q'] : [`b=${binding}`])],
      contentFormat: LINK,
      payload: Buffer.from('</>;rt="oma.lwm2m";ct=112,</1/0>,</3/0>,</3303/0>,</3303>;ver=1.1'),
    });
    assert.equal(answer.code, '2.01');
    this.#location = answer.locationPath;
  }

  async update(): Promise<void> {
    const answer = await this.#endpoint.request(this.#server, { method: 'POST', path: [...this.#location] });
    assert.equal(answer.code, '2.04');
  }

  async deregister(): Promise<void> {
    const answer = await this.#endpoint.request(this.#server, { method: 'DELETE', path: [...this.#location] });
    assert.equal(answer.code, '2.02');
  }

  async notify(path: string, observe: number, text: string): Promise<void> {
    const token = this.tokens.get(path);
    assert.ok(token, `${path} is not observed`);
    const outcome = await this.#endpoint.notify(this.#server, {
      ...{ token, observe, confirmable: true, contentFormat: 0 },
      payload: Buffer.from(text),
      path: path.slice(1).split('/'),
    });
    assert.equal(outcome, 'acknowledged');
  }

  async send(payload: Buffer): Promise<string> {
    const message = { method: 'POST', path: ['dp'], contentFormat: SENML_CBOR, payload } as const;
    return (await this.#endpoint.request(this.#server, message)).code;
  }

  async close(): Promise<void> {
    await this.#endpoint.close();
  }

  #take(request: CoapRequest, respond: Respond): void {
    const path = `/${request.path.join('/')}`;
    this.log.push(`${request.method} ${path}`);
    this.payloads.push(Buffer.from(request.payload));
    if (this.silent.has(path)) return;
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    setTimeout(() => {
      this.underWay--;
      this.#answer(request, path, respond);
    }, this.delayMs);
  }

  #answer(request: CoapRequest, path: string, respond: Respond): void {
    switch (request.method) {
      case 'GET':
        return this.#read(request, path, respond);
      case 'FETCH':
        return this.#fetch(request, respond);
      case 'DELETE':
        return respond({ code: '2.02' });
      case 'POST':
        if (path === '/3303') return respond({ code: '2.01', locationPath: ['3303', '7'] });
        return respond({ code: '2.04' });
      default:
        return respond({ code: '2.04' });
    }
  }

  #read(request: CoapRequest, path: string, respond: Respond): void {
    if (request.accept === LINK) {
      return respond({ code: '2.05', contentFormat: LINK, payload: Buffer.from(`<${path}>;pmin=10,<${path}/1>`) });
    }
    const value = VALUES[path];
    if (value === undefined) return respond({ code: '4.04', payload: Buffer.from('no such path') });
    if (request.observe === 0) this.tokens.set(path, Buffer.from(request.token));
    const contentFormat = request.accept ?? SENML_CBOR;
    const payload = encodeContent(contentFormat, value, parsePath(path));
    respond({ code: '2.05', contentFormat, payload, ...(request.observe === 0 ? { observe: 1 } : {}) });
  }

  #fetch(request: CoapRequest, respond: Respond): void {
    const paths = decodePaths(SENML_CBOR, request.payload);
    const nodes = paths.flatMap((path) => {
      const node = VALUES[formatPath(path)];
      return node === undefined ? [] : [{ path, timestampMs: undefined, node }];
    });
    const payload = encodeComposite(SENML_CBOR, nodes);
    respond({
      ...{ code: '2.05', contentFormat: SENML_CBOR, payload },
      ...(request.observe === 0 ? { observe: 1 } : {}),
    });
  }
}
