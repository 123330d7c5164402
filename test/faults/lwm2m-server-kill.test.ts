import assert from 'node:assert/strict';
import { sleep } from '../../common/lifecycle.ts';
import type { AvroResponse } from '../../schemas/generated/records.ts';
import { AnsweringDevice } from '../integration/lwm2m-server/answering-device.ts';
import { codeOf, messageIdOf, optionsOf, RawPeer, raw, tokenOf, typeOf } from '../lockstep/coap-raw-peer.ts';
import { providePython } from '../peers/peers.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, TestGateway } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';
import { assertExactlyOnce, DEVICES, Fleet, recorded } from './numbered-fleet.ts';

const LOCATION_PATH = 8;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const URI_QUERY = 15;
const SENML_JSON = 110;
const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';
const GENERIC = 'io.zeelos.leshan.avro.response.AvroGenericResponse';
const KILLS = 4;
const FIRST_SECOND = 1_700_000_000;

function command(gateway: TestGateway, ep: string, ticket: string, kind: 'read' | 'execute', parameters = '') {
  const body = kind === 'read' ? null : { [EXECUTE]: { parameters } };
  const path = kind === 'read' ? '/3303/0/5700' : '/3/0/4';
  return {
    serverId: gateway.gatewayId,
    ep,
    ticket,
    payload: { kind, path, contentFormat: 'TEXT_CODE' as const, body },
  };
}

/** A device that repeats what it sends until it is answered, through kills and starts. */
class Persistent {
  readonly #peer: RawPeer;
  #messageId = 1;

  private constructor(peer: RawPeer) {
    this.#peer = peer;
  }

  static async open(gateway: TestGateway): Promise<Persistent> {
    return new Persistent(await RawPeer.open(gateway.coapPort));
  }

  async post(options: readonly (readonly [number, string | number])[], payload?: string): Promise<Buffer> {
    const messageId = this.#messageId++;
    const token = messageId.toString(16).padStart(4, '0');
    const request = raw({ code: '0.02', messageId, token, options, ...(payload === undefined ? {} : { payload }) });
    for (let attempt = 0; attempt < 40; attempt++) {
      this.#peer.send(request);
      const answer = await this.#answer(token, 1_000);
      if (answer !== undefined) return answer;
    }
    assert.fail('it is never answered');
  }

  async #answer(token: string, withinMs: number): Promise<Buffer | undefined> {
    for (const until = performance.now() + withinMs; performance.now() < until; ) {
      const came = await this.#peer.receive(Math.ceil(until - performance.now())).catch(() => undefined);
      if (came === undefined) return undefined;
      if (typeOf(came) === 'CON') this.#peer.send(raw({ type: 'ACK', code: '0.00', messageId: messageIdOf(came) }));
      if (codeOf(came) !== '0.00' && tokenOf(came) === token) return came;
    }
    return undefined;
  }

  async register(ep: string): Promise<readonly (readonly [number, string])[]> {
    const query = [`ep=${ep}`, 'lwm2m=1.1', 'lt=300'].map((part) => [URI_QUERY, part] as const);
    const welcome = await this.post([[URI_PATH, 'rd'], ...query]);
    assert.equal(codeOf(welcome), '2.01');
    return optionsOf(welcome)
      .get(LOCATION_PATH)!
      .map((segment) => [URI_PATH, String(segment)] as const);
  }

  async close(): Promise<void> {
    await this.#peer.close();
  }
}

/** Everything that goes on at once, until it is stopped; what the server said yes to is remembered. */
class MixedLoad {
  readonly sent: number[] = [];
  readonly locations: (readonly (readonly [number, string])[])[] = [];
  readonly tickets: string[] = [];
  /** How often each ticket ran on a device. */
  readonly ran = new Map<string, number>();
  readonly #devices: AnsweringDevice[] = [];
  readonly #gateway: TestGateway;
  readonly #peers: Persistent[] = [];
  readonly #running: Promise<void>[] = [];
  #stopping = false;

  constructor(gateway: TestGateway) {
    this.#gateway = gateway;
  }

  async start(): Promise<void> {
    for (let number = 0; number < 4; number++) this.#devices.push(await this.#device(`busy-${number}`));
    const [sender, newcomers] = [await Persistent.open(this.#gateway), await Persistent.open(this.#gateway)];
    this.#peers.push(sender, newcomers);
    await sender.register('sender');
    this.#repeat(20, async (number) => await this.#send(sender, number));
    this.#repeat(50, async (number) => void this.locations.push(await newcomers.register(`new-${number}`)));
    this.#repeat(100, async (number) => await this.#command(number));
  }

  async #device(ep: string): Promise<AnsweringDevice> {
    return await AnsweringDevice.start(this.#gateway.coapPort, ep, (request, respond) => {
      if (request.method === 'GET') return respond({ code: '4.04' });
      const ticket = request.payload.toString();
      this.ran.set(ticket, (this.ran.get(ticket) ?? 0) + 1);
      setTimeout(() => respond({ code: '2.04' }), Math.random() * 30);
    });
  }

  #repeat(pauseMs: number, work: (number: number) => Promise<void>): void {
    const run = async () => {
      for (let number = 0; !this.#stopping; number++) {
        await work(number);
        await sleep(pauseMs);
      }
    };
    this.#running.push(run());
  }

  /** Its value is 0, which the account of the fleet leaves out. */
  async #send(peer: Persistent, number: number): Promise<void> {
    const record = JSON.stringify([{ n: '/3303/0/5700', t: FIRST_SECOND + number, v: 0 }]);
    const answer = await peer.post(
      [
        [URI_PATH, 'dp'],
        [CONTENT_FORMAT, SENML_JSON],
      ],
      record,
    );
    assert.ok(['2.04', '5.03'].includes(codeOf(answer)), codeOf(answer));
    if (codeOf(answer) === '2.04') this.sent.push(FIRST_SECOND + number);
  }

  async #command(number: number): Promise<void> {
    const ticket = `c${number}`;
    this.tickets.push(ticket);
    await this.#gateway.command(command(this.#gateway, `busy-${number % 4}`, ticket, 'execute', ticket));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async assertRegistered(): Promise<void> {
    for (const [number, location] of this.locations.entries()) {
      const code = codeOf(await this.#peers[1]!.post(location));
      if (code === '2.04') continue;
      const told = (await this.#gateway.registrations())
        .map(({ value }) => JSON.stringify(value))
        .filter((text) => text.includes(`"new-${number}"`));
      const state = [...(await this.#gateway.state()).keys()].filter((key) => key.includes(`new-${number}`));
      assert.fail(
        `${code} for new-${number} at ${location.map(([, part]) => part).join('/')}:\n${told.join('\n')}\n${state.join('\n')}`,
      );
    }
  }

  async close(): Promise<void> {
    this.#stopping = true;
    await Promise.allSettled(this.#running);
    for (const peer of [...this.#peers, ...this.#devices]) await peer.close();
  }
}

describe('lwm2m-server and SIGKILL', function () {
  this.timeout(120_000);

  before(async function () {
    this.timeout(300_000);
    await providePython();
    await useStack('kafka-edge', 'registry');
  });

  it('at random moments under mixed load: what was acknowledged is there, no device notices, no command runs twice', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'killed-');
    const load = new MixedLoad(gateway);
    try {
      await eventually('all observed', () => fleet.observed === DEVICES, 20_000);
      const replies = await gateway.follow<AvroResponse>('replies');
      await load.start();
      for (let kills = 0; kills < KILLS; kills++) {
        await fleet.notifies(40);
        await sleep(Math.random() * 1_000);
        await gateway.kill();
        await gateway.spawn();
      }
      await fleet.notifies(150);
      await load.stop();
      const tickets = (): string[] => replies.map(({ value }) => value!.ticket);
      await eventually('all replies', () => new Set(tickets()).size === load.tickets.length, 40_000);
      await load.assertRegistered();
      await fleet.peer.stop();

      assertExactlyOnce(fleet, await recorded(gateway));
      assert.equal(fleet.registrations.length, DEVICES, 'devices had to register anew');
      assert.equal(fleet.observed, DEVICES, 'devices were observed anew');
      assert.deepEqual(fleet.resets, []);
      assert.deepEqual(tickets().toSorted(), load.tickets.toSorted(), 'one reply for each command');
      assert.deepEqual(
        [...load.ran].filter(([, times]) => times > 1),
        [],
        'a command ran twice',
      );
      const done = replies.filter(({ value }) => value!.rep.code === 'CHANGED').map(({ value }) => value!.ticket);
      assert.ok(done.length > load.tickets.length / 2, `only ${done.length} of ${load.tickets.length} were done`);
      assert.deepEqual(
        done.filter((ticket) => load.ran.get(ticket) !== 1),
        [],
        'said to be done and never ran',
      );
      const times = new Set((await gateway.observations()).map(({ value }) => value!.timestamp));
      assert.ok(load.sent.length > 20, `only ${load.sent.length} were sent`);
      assert.deepEqual(
        load.sent.filter((seconds) => !times.has(seconds * 1_000)),
        [],
        'acknowledged and not there',
      );
    } finally {
      await load.close();
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  it('answers commands once that a SIGKILL interrupted or kept waiting', async () => {
    const gateway = await TestGateway.create(await useEdge(), { requestTimeoutMs: 10_000 });
    await gateway.spawn();
    let mute = true;
    const device = await AnsweringDevice.start(gateway.coapPort, 'cut-off', (request, respond) => {
      if (mute) return;
      if (request.method === 'GET') respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1') });
      else respond({ code: '2.04' });
    });
    const reader = await AnsweringDevice.start(gateway.coapPort, 'read-off', (_, respond) => {
      if (!mute) respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('2') });
    });
    try {
      const replies = await gateway.follow<AvroResponse>('replies');
      await gateway.command(
        command(gateway, 'cut-off', 'running', 'execute'),
        command(gateway, 'cut-off', 'waiting', 'execute'),
        command(gateway, 'read-off', 'reading', 'read'),
      );
      await eventually('both are asked', () => device.requests.length === 1 && reader.requests.length === 1);
      await gateway.kill();
      await gateway.command(command(gateway, 'cut-off', 'while-down', 'execute'));
      mute = false;
      await gateway.spawn();
      const tickets = ['running', 'waiting', 'while-down', 'reading'];
      const ofTicket = (ticket: string) => replies.filter(({ value }) => value!.ticket === ticket);
      await eventually('all replies', () => tickets.every((ticket) => ofTicket(ticket).length > 0), 25_000);
      await sleep(1_000);
      assert.deepEqual(
        tickets.map((ticket) => ofTicket(ticket).length),
        [1, 1, 1, 1],
      );
      const codes = tickets.map((ticket) => ofTicket(ticket)[0]!.value!.rep.code);
      assert.deepEqual(codes, ['INTERNAL_SERVER_ERROR', 'CHANGED', 'CHANGED', 'CONTENT']);
      const interrupted = ofTicket('running')[0]!.value!.rep.body as Record<string, { message: string }>;
      assert.match(interrupted[GENERIC]!.message, /^INTERRUPTED: /);
      assert.equal(device.requests.filter(({ method }) => method === 'POST').length, 3, 'an execute ran twice');
      const order = replies.map(({ value }) => value!.ticket).filter((ticket) => ticket !== 'reading');
      assert.deepEqual(order, ['running', 'waiting', 'while-down']);
    } finally {
      await device.close();
      await reader.close();
      await gateway.close();
    }
  });
});
