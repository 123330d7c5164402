import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { codeOf, messageIdOf, optionsOf, type RawOption, raw, tokenOf } from '../../lockstep/coap-raw-peer.ts';

const OBSERVE = 6;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const URI_QUERY = 15;
const LINK_FORMAT = 40;
const SENML_JSON = 110;
const LINKS = '</>;rt="oma.lwm2m";ct="110",</25>;ver=2.0,</25/0>,</3/0>';
const CHILDREN = [
  { bn: '/25/0/', n: '0', vs: 'urn:dev:1' },
  { n: '1', vs: 'd01' },
  { n: '3', vs: '</3/0>,</3303/0>' },
];
const REGISTER_EVERY_MS = 1_000;

/** An LwM2M gateway with one device behind it (object 25). Of everything else that it is asked it has nothing. */
export class GatewayDevice {
  readonly #socket: Socket;
  readonly #coapPort: number;

  private constructor(socket: Socket, coapPort: number) {
    this.#socket = socket;
    this.#coapPort = coapPort;
  }

  /** Resolves when it is registered. */
  static async start(name: string, coapPort: number): Promise<GatewayDevice> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const device = new GatewayDevice(socket, coapPort);
    await device.#register(name);
    return device;
  }

  stop(): void {
    this.#socket.close();
  }

  async #register(name: string): Promise<void> {
    const queries = [`ep=${name}`, 'lt=3600', 'lwm2m=1.1'].map((query) => [URI_QUERY, query] as const);
    const options: RawOption[] = [[URI_PATH, 'rd'], [CONTENT_FORMAT, LINK_FORMAT], ...queries];
    const request = raw({ code: '0.02', messageId: 1, options, payload: LINKS });
    const send = () => this.#send(request);
    const again = setInterval(send, REGISTER_EVERY_MS);
    const registered = new Promise<void>((resolve) => {
      this.#socket.on('message', (datagram) => {
        if (codeOf(datagram) === '2.01') resolve();
        else if (codeOf(datagram).startsWith('0.') && codeOf(datagram) !== '0.00') this.#answer(datagram);
      });
    });
    send();
    await registered;
    clearInterval(again);
  }

  #answer(request: Buffer): void {
    const options = optionsOf(request);
    const same = { type: 'ACK', token: tokenOf(request), messageId: messageIdOf(request) } as const;
    if ((options.get(URI_PATH) ?? []).map(String).join('/') !== '25') return this.#send(raw({ ...same, code: '4.04' }));
    const observe: RawOption[] = options.has(OBSERVE) ? [[OBSERVE, 1]] : [];
    const payload = JSON.stringify(CHILDREN);
    this.#send(raw({ ...same, code: '2.05', options: [...observe, [CONTENT_FORMAT, SENML_JSON]], payload }));
  }

  #send(datagram: Buffer): void {
    this.#socket.send(datagram, this.#coapPort, '127.0.0.1');
  }
}
