import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import coap, { type IncomingMessage, type OutgoingMessage } from 'coap';
import { parsePath } from '../../lwm2m/path.ts';
import { startGateway } from '../rig/edge.ts';
import { eventually, type TestGateway } from '../rig/gateway.ts';
import { ALL_FORMATS, closesWith, Matrix } from './matrix.ts';
import { executeBody, notifiedText, Operator, writeBody } from './operator.ts';
import { singleValue } from './values.ts';

const EP = 'node-coap';
const LARGE = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 11 + (i >> 7)) % 256));

/** A device on node-coap: text and opaque only, both roles on one socket. */
class NodeCoapDevice {
  readonly values = new Map<string, Buffer>();
  readonly executed: string[] = [];
  readonly #server = coap.createServer({ type: 'udp4' });
  #agent: InstanceType<typeof coap.Agent> | undefined;
  #observers: { readonly path: string; readonly stream: OutgoingMessage }[] = [];

  async start(): Promise<void> {
    this.#server.on('request', (request: IncomingMessage, response: OutgoingMessage) =>
      this.#answer(request, response),
    );
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve()));
    this.#agent = new coap.Agent({ type: 'udp4', socket: this.#server._sock as unknown as Socket });
  }

  #answer(request: IncomingMessage, response: OutgoingMessage): void {
    const path = request.url.split('?')[0]!;
    const held = this.values.get(path);
    switch (request.method) {
      case 'GET':
        if (held === undefined) return end(response, '4.04');
        if (request.headers.Accept !== undefined && !SPOKEN.has(String(request.headers.Accept)))
          return end(response, '4.06');
        response.setOption('Content-Format', held.length > 100 ? 'application/octet-stream' : 'text/plain');
        if (request.headers.Observe === 1) this.#observers = this.#observers.filter((each) => each.path !== path);
        if (request.headers.Observe !== 0) return end(response, '2.05', held);
        response.code = '2.05';
        response.write(held);
        this.#observers.push({ path, stream: response });
        response.on('finish', () => {
          this.#observers = this.#observers.filter(({ stream }) => stream !== response);
        });
        return;
      case 'PUT':
        if (!SPOKEN.has(String(request.headers['Content-Format']))) return end(response, '4.15');
        this.values.set(path, request.payload);
        return end(response, '2.04');
      case 'POST':
        this.executed.push(String(request.payload));
        return end(response, '2.04');
      default:
        return end(response, '4.05');
    }
  }

  change(path: string, text: string): void {
    this.values.set(path, Buffer.from(text));
    for (const each of this.#observers) if (each.path === path) each.stream.write(text);
  }

  async send(
    port: number,
    method: 'POST' | 'DELETE',
    path: string,
    format?: string,
    payload?: Buffer | string,
  ): Promise<IncomingMessage> {
    const [pathname, query] = path.split('?');
    const options = {
      hostname: '127.0.0.1',
      port,
      agent: this.#agent!,
      confirmable: true,
      method,
      pathname: pathname!,
    };
    const outgoing = coap.request({ ...options, ...(query !== undefined && { query }) });
    if (format !== undefined) outgoing.setOption('Content-Format', format as 'application/senml+json');
    outgoing.end(payload);
    const [response] = (await once(outgoing, 'response', { signal: AbortSignal.timeout(10_000) })) as [IncomingMessage];
    return response;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** As node-coap shows them. */
const SPOKEN: ReadonlySet<string> = new Set(['text/plain', 'application/octet-stream']);

function end(response: OutgoingMessage, code: string, payload?: Buffer): void {
  response.code = code;
  response.end(payload);
}

describe('node-coap, a device', function () {
  this.timeout(60_000);
  const matrix = new Matrix({
    id: '5-node-coap',
    title: 'node-coap 1.5.0 (CoAP)',
    about: 'Registers and is asked on one socket; text and opaque values.',
  });
  const device = new NodeCoapDevice();
  let gateway: TestGateway;
  let operator: Operator;
  let location: string;

  before(async () => {
    gateway = await startGateway();
    operator = await Operator.at(gateway);
    await device.start();
  });
  after(async () => {
    await device.stop();
    await gateway?.close();
  });

  it('registers and updates', async () => {
    const links = Buffer.from('</3/0>,</3303/0>,</5/0>');
    const answer = await device.send(gateway.coapPort, 'POST', `/rd?ep=${EP}&lt=300`, 'application/link-format', links);
    assert.equal(answer.code, '2.01');
    const options = answer._packet.options ?? [];
    location = options
      .filter(({ name }) => name === 'Location-Path')
      .map(({ value }) => `/${value}`)
      .join('');
    assert.equal((await device.send(gateway.coapPort, 'POST', location)).code, '2.04');
    for (const each of ['register', 'update']) matrix.plain(each);
  });

  it('reads and writes in each format', async () => {
    device.values.set('/3303/0/5700', Buffer.from('21.5'));
    for (const format of ALL_FORMATS.filter((each) => each !== 'OPAQUE_CODE')) {
      const read = await operator.ask(EP, 'read', '/3303/0/5700', { format });
      assert.equal(read.code, format === 'TEXT_CODE' ? 'CONTENT' : 'NOT_ACCEPTABLE', format);
      matrix.cell('read', format, read.code === 'CONTENT' ? 'yes' : read.code);
      const body = writeBody('REPLACE', singleValue(parsePath('/3/0/14'), 'STRING', `in ${format}`));
      const write = await operator.ask(EP, 'write', '/3/0/14', { format, body });
      assert.equal(write.code, format === 'TEXT_CODE' ? 'CHANGED' : 'UNSUPPORTED_CONTENT_FORMAT', format);
      matrix.cell('write', format, write.code === 'CHANGED' ? 'yes' : write.code);
    }
    assert.equal((await operator.ask(EP, 'read', '/3303/0/5700', { format: 'TEXT_CODE' })).content, '21.5');
    assert.equal(String(device.values.get('/3/0/14')), 'in TEXT_CODE');
  });

  it('20 kB there and back in blocks', async () => {
    const body = writeBody('REPLACE', singleValue(parsePath('/5/0/0'), 'OPAQUE', LARGE.toString('hex')));
    assert.equal((await operator.ask(EP, 'write', '/5/0/0', { format: 'OPAQUE_CODE', body })).code, 'CHANGED');
    assert.ok(device.values.get('/5/0/0')!.equals(LARGE));
    const read = await operator.ask(EP, 'read', '/5/0/0', { format: 'OPAQUE_CODE' });
    assert.ok(Buffer.from(read.content, 'hex').equals(LARGE));
    matrix.cell('20 kB in blocks, both ways', 'OPAQUE_CODE', 'yes');
  });

  it('observes, is notified, cancels; executes', async () => {
    const first = await operator.ask(EP, 'observe', '/3303/0/5700', { ticket: 'seen', format: 'TEXT_CODE' });
    assert.equal(first.content, '21.5');
    const seen = () => operator.notified(EP, 'seen').map(notifiedText);
    for (const text of ['22.5', '23.5']) {
      device.change('/3303/0/5700', text);
      await eventually(`the notification of ${text}`, () => seen().includes(text));
    }
    const cancelled = await operator.ask(EP, 'observeCancel', '/3303/0/5700', { format: 'TEXT_CODE' });
    assert.equal(cancelled.code, 'CONTENT', cancelled.message);
    device.change('/3303/0/5700', '24.5');
    assert.equal((await operator.ask(EP, 'read', '/3303/0/5700', { format: 'TEXT_CODE' })).content, '24.5');
    assert.ok(!seen().includes('24.5'));
    matrix.plain('observe, notify, active cancel');
    assert.equal((await operator.ask(EP, 'execute', '/3/0/4', { body: executeBody("0='x'") })).code, 'CHANGED');
    assert.deepEqual(device.executed, ["0='x'"]);
    matrix.plain('execute with arguments');
    assert.equal((await operator.ask(EP, 'delete', '/3303/0')).code, 'METHOD_NOT_ALLOWED');
    matrix.plain('refusals reach the operator');
  });

  it('sends SenML JSON and de-registers', async () => {
    const records = JSON.stringify([{ bn: '/3303/0/', n: '5700', v: 1.25, t: 1_700_000_000 }]);
    assert.equal((await device.send(gateway.coapPort, 'POST', '/dp', 'application/senml+json', records)).code, '2.04');
    await eventually('the record', () => operator.sent(EP).length === 1);
    const [record] = operator.sent(EP);
    assert.deepEqual(
      [record!.path, record!.timestamp, notifiedText(record!)],
      ['/3303/0/5700', 1_700_000_000_000, '1.25'],
    );
    matrix.plain('Send, SenML JSON 110');
    assert.equal((await device.send(gateway.coapPort, 'DELETE', location)).code, '2.02');
    matrix.plain('de-register');
  });

  closesWith(matrix);
});
