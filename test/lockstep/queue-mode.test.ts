import assert from 'node:assert/strict';
import { sleep } from '../../common/lifecycle.ts';
import type { AvroRequest, AvroRequestKind, AvroResponse } from '../../schemas/generated/records.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, type Replies, TestGateway } from '../rig/gateway.ts';
import { codeOf, messageIdOf, optionsOf, RawPeer, raw, tokenOf, typeOf } from './coap-raw-peer.ts';

const LOCATION_PATH = 8;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const URI_QUERY = 15;
const WINDOW_MS = 700;
const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';
const CANCEL = 'io.zeelos.leshan.avro.request.AvroCancelRequest';

/** A device of queue mode, datagram by datagram: it hears only what comes soon after it spoke. */
class Sleeper {
  readonly #peer: RawPeer;
  readonly #name: string;
  #messageId = 1;
  #location: readonly string[] = [];

  private constructor(peer: RawPeer, name: string) {
    this.#peer = peer;
    this.#name = name;
  }

  static async register(gateway: TestGateway, name: string): Promise<Sleeper> {
    const sleeper = new Sleeper(await RawPeer.open(gateway.coapPort), name);
    await sleeper.register();
    return sleeper;
  }

  async register(): Promise<void> {
    const answer = await this.#post(['rd'], [`ep=${this.#name}`, 'lt=300', 'b=UQ'], '</3/0>,</3303/0>');
    assert.equal(codeOf(answer), '2.01');
    this.#location = optionsOf(answer).get(LOCATION_PATH)!.map(String);
  }

  async update(): Promise<void> {
    assert.equal(codeOf(await this.#post(this.#location, [])), '2.04');
  }

  async #post(path: readonly string[], query: readonly string[], payload?: string): Promise<Buffer> {
    const options = [
      ...path.map((segment) => [URI_PATH, segment] as const),
      ...(payload === undefined ? [] : [[CONTENT_FORMAT, 40] as const]),
      ...query.map((part) => [URI_QUERY, part] as const),
    ];
    const rest = payload === undefined ? {} : { payload };
    return await this.#peer.exchange(
      raw({ code: '0.02', messageId: this.#messageId++, token: '01', options, ...rest }),
    );
  }

  /** The next request of the server, as `CODE /path`. */
  async request(): Promise<Buffer> {
    const datagram = await this.#peer.receive(5_000);
    assert.equal(typeOf(datagram), 'CON');
    return datagram;
  }

  answer(request: Buffer, code: string): void {
    const read = code === '2.05';
    this.#peer.send(
      raw({
        ...{ type: 'ACK', code, messageId: messageIdOf(request), token: tokenOf(request) },
        ...(read ? { options: [[CONTENT_FORMAT, 0]], payload: '21.5' } : {}),
      }),
    );
  }

  async serve(code: string): Promise<string> {
    const request = await this.request();
    this.answer(request, code);
    return nameOf(request);
  }

  async hearsNothing(ms: number): Promise<void> {
    await this.#peer.expectSilence(ms);
  }

  async close(): Promise<void> {
    await this.#peer.close();
  }
}

function nameOf(request: Buffer): string {
  return `${codeOf(request)} /${optionsOf(request).get(URI_PATH)!.map(String).join('/')}`;
}

describe('queue mode, datagram by datagram', function () {
  this.timeout(90_000);
  const sleepers: Sleeper[] = [];
  let gateway: TestGateway;
  let replies: Replies;

  before(async () => {
    gateway = await TestGateway.create(await useEdge(), { awakeWindowMs: WINDOW_MS, requestTimeoutMs: 1_500 });
    await gateway.spawn();
    replies = await gateway.follow<AvroResponse>('replies');
  });
  after(async () => {
    for (const one of sleepers) await one.close();
    await gateway?.close();
  });

  async function sleeper(name: string): Promise<Sleeper> {
    const registered = await Sleeper.register(gateway, name);
    sleepers.push(registered);
    await sleep(WINDOW_MS + 50);
    return registered;
  }

  function request(kind: AvroRequestKind, ep: string, ticket: string, more: Partial<AvroRequest> = {}): AvroRequest {
    const path = { read: '/3303/0/5700', execute: '/3/0/4' }[kind as string] ?? '/';
    const body = kind === 'execute' ? { [EXECUTE]: { parameters: '' } } : null;
    const payload = { kind, path, contentFormat: 'TEXT_CODE', body } as const;
    return { serverId: gateway.gatewayId, ep, ticket, payload, ...more };
  }

  /** Code and first word of each reply under the ticket. */
  const told = (ticket: string) =>
    replies
      .filter(({ value }) => value!.ticket === ticket)
      .map(({ value }) => {
        const words = Object.values(value!.rep.body ?? {})[0] as { message?: string } | undefined;
        return `${value!.rep.code} ${/^[A-Z\d_]+(?=:)/.exec(words?.message ?? '')?.[0] ?? ''}`.trim();
      });
  const parked = async () => await gateway.metric('lwm2m_commands_waiting');

  it('sends nothing to a sleeper, and all of it, in order, when it updates', async () => {
    const device = await sleeper('orderly');
    await gateway.command(request('read', 'orderly', 'o1'), request('execute', 'orderly', 'o2'));
    await device.hearsNothing(600);
    assert.equal(await parked(), 2);
    await device.update();
    assert.equal(await device.serve('2.05'), '0.01 /3303/0/5700');
    assert.equal(await device.serve('2.04'), '0.02 /3/0/4');
    await eventually('both replies', () => told('o1').length + told('o2').length === 2);
    assert.deepEqual([told('o1'), told('o2')], [['CONTENT'], ['CHANGED']]);
  });

  it('asks again what was not heard when the device comes back, if that changes nothing', async () => {
    const device = await sleeper('deaf');
    await gateway.command(request('read', 'deaf', 'd1'), request('execute', 'deaf', 'd2'));
    await device.update();
    assert.equal(nameOf(await device.request()), '0.01 /3303/0/5700');
    await device.hearsNothing(500);
    await sleep(2_500);
    assert.deepEqual(told('d1'), []);
    assert.equal(await parked(), 2);
    await device.update();
    assert.equal(await device.serve('2.05'), '0.01 /3303/0/5700');
    assert.equal(nameOf(await device.request()), '0.02 /3/0/4');
    await eventually('an answer without the device', () => told('d2').length === 1);
    await device.update();
    await device.hearsNothing(500);
    assert.deepEqual([told('d1'), told('d2')], [['CONTENT'], ['INTERNAL_SERVER_ERROR COAP_TIMEOUT']]);
  });

  it('keeps what waits over a kill, ends it at its time or on demand, and sends the rest once the device speaks', async () => {
    const device = await sleeper('patient');
    const until = Date.now() + 6_000;
    await gateway.command(
      request('execute', 'patient', 'p1'),
      request('read', 'patient', 'p2', { expiresAt: { long: until } }),
      request('read', 'patient', 'p3'),
      request('read', 'nobody', 'p4', { queue: { boolean: true }, expiresAt: { long: until } }),
    );
    await eventually('all wait', async () => (await parked()) === 4);
    await gateway.kill();
    await gateway.spawn();
    assert.equal(await parked(), 4);
    const body = { [CANCEL]: { ticket: 'p3' } };
    const cancel = request('cancel', 'patient', 'p5');
    await gateway.command({ ...cancel, payload: { ...cancel.payload, body } });
    await eventually('the cancelled one', () => told('p3').length + told('p5').length === 2, 15_000);
    assert.deepEqual([told('p3'), told('p5')], [['PRECONDITION_FAILED CANCELLED'], ['CHANGED CANCELLED']]);
    await eventually('the expired', () => told('p2').length + told('p4').length === 2);
    assert.ok(Date.now() >= until, 'before its time');
    assert.deepEqual([told('p2'), told('p4')], [['PRECONDITION_FAILED EXPIRED'], ['PRECONDITION_FAILED EXPIRED']]);
    await device.hearsNothing(300);
    await device.update();
    assert.equal(await device.serve('2.04'), '0.02 /3/0/4');
    await eventually('the last', () => told('p1').length === 1);
    assert.deepEqual(told('p1'), ['CHANGED']);
  });

  it('never sends again what was with the device when the server was killed', async () => {
    const device = await sleeper('careful');
    await gateway.command(request('execute', 'careful', 'k1'), request('read', 'careful', 'k2'));
    await device.update();
    assert.equal(nameOf(await device.request()), '0.02 /3/0/4');
    await gateway.kill();
    await sleep(WINDOW_MS);
    await gateway.spawn();
    await eventually('the outcome is unknown', () => told('k1').length === 1, 15_000);
    assert.deepEqual(told('k1'), ['INTERNAL_SERVER_ERROR INTERRUPTED']);
    await device.update();
    assert.equal(await device.serve('2.05'), '0.01 /3303/0/5700');
    await eventually('the read', () => told('k2').length === 1, 15_000);
    assert.deepEqual(told('k2'), ['CONTENT']);
    await device.hearsNothing(300);
  });

  it('leaves nothing behind, and answered each once', async () => {
    await sleep(500);
    const tickets = replies.map(({ value }) => value!.ticket);
    assert.deepEqual(
      tickets.filter((ticket, index) => tickets.indexOf(ticket) !== index),
      [],
    );
    assert.deepEqual(
      [...(await gateway.state()).keys()].filter((key) => key.startsWith('command/')),
      [],
    );
  });
});
