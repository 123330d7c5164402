import assert from 'node:assert/strict';
import { CoapEndpoint, type CoapRequest, type Respond } from '../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../lwm2m/coap/transport.ts';

/** A device whose answers the test writes: it registers and hands every request to `answer`. */
export class AnsweringDevice {
  readonly endpointName: string;
  readonly requests: CoapRequest[] = [];
  readonly #endpoint: CoapEndpoint;
  readonly #serverPort: number;
  answer: (request: CoapRequest, respond: Respond) => void;
  location: readonly string[] = [];

  private constructor(
    endpointName: string,
    serverPort: number,
    endpoint: CoapEndpoint,
    answer: (request: CoapRequest, respond: Respond) => void,
  ) {
    this.endpointName = endpointName;
    this.#serverPort = serverPort;
    this.#endpoint = endpoint;
    this.answer = answer;
  }

  static async start(
    serverPort: number,
    endpointName: string,
    answer: (request: CoapRequest, respond: Respond) => void = () => undefined,
    links = '</1/0>,</3/0>,</3303/0>',
  ): Promise<AnsweringDevice> {
    let device: AnsweringDevice | undefined;
    const endpoint = await CoapEndpoint.open({
      onRequest: (request, respond) => {
        device?.requests.push(request);
        device?.answer(request, respond);
      },
      onNotification: (notification) => notification.reject(),
    });
    device = new AnsweringDevice(endpointName, serverPort, endpoint, answer);
    await device.register(links);
    return device;
  }

  async register(links: string): Promise<void> {
    const answer = await this.#endpoint.request(udpPeer('127.0.0.1', this.#serverPort), {
      method: 'POST',
      path: ['rd'],
      query: [`ep=${this.endpointName}`, 'lt=300'],
      contentFormat: 40,
      payload: Buffer.from(links),
    });
    assert.equal(answer.code, '2.01');
    this.location = answer.locationPath;
  }

  /** Updates a registration, perhaps another device's: that one has moved here then. */
  async update(location: readonly string[]): Promise<void> {
    const path = [...location];
    const answer = await this.#endpoint.request(udpPeer('127.0.0.1', this.#serverPort), { method: 'POST', path });
    assert.equal(answer.code, '2.04');
  }

  async deregister(): Promise<void> {
    const path = [...this.location];
    const answer = await this.#endpoint.request(udpPeer('127.0.0.1', this.#serverPort), { method: 'DELETE', path });
    assert.equal(answer.code, '2.02');
  }

  async notify(token: Uint8Array, observe: number, payload: string): Promise<'acknowledged' | 'reset' | 'sent'> {
    return await this.#endpoint.notify(udpPeer('127.0.0.1', this.#serverPort), {
      token,
      observe,
      confirmable: true,
      contentFormat: 0,
      payload: Buffer.from(payload),
      path: ['3303', '0', '5700'],
    });
  }

  async close(): Promise<void> {
    await this.#endpoint.close();
  }
}
