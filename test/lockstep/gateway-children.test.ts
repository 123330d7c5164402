import assert from 'node:assert/strict';
import type {
  AvroRegistrationResponse,
  AvroRequestKind,
  AvroRequestPayload,
  AvroResponse,
  AvroResponseObserve,
} from '../../schemas/generated/records.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, type Seen, TestGateway } from '../rig/gateway.ts';
import { codeOf, messageIdOf, optionsOf, payloadOf, RawPeer, raw, tokenOf, typeOf } from './coap-raw-peer.ts';

const OBSERVE = 6;
const LOCATION_PATH = 8;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const URI_QUERY = 15;
const SENML_JSON = 110;
const LINKS = '</>;rt="oma.lwm2m";ct="110",</25>;ver=2.0,</25/0>,</25/1>,</3/0>';
const COMPOSITE = 'io.zeelos.leshan.avro.request.AvroReadCompositeRequest';
const COMPOSITE_BODY = 'io.zeelos.leshan.avro.response.AvroCompositeResponse';
const [FIRST, SECOND] = ['site/urn:dev:1', 'site/urn:dev:2'];

const describedAs = (id: number, deviceId: string, prefix: string) => [
  { bn: `/25/${id}/`, n: '0', vs: deviceId },
  { n: '1', vs: prefix },
  { n: '3', vs: '</3/0>,</3303/0>' },
];
const BOTH = [...describedAs(0, 'urn:dev:1', 'd01'), ...describedAs(1, 'urn:dev:2', 'd02')];

describe('Devices behind an LwM2M gateway, datagram by datagram', function () {
  this.timeout(90_000);
  let gateway: TestGateway;
  let device: RawPeer;
  let seen: Seen<AvroResponseObserve>[];
  let replies: Seen<AvroResponse>[];
  let registrations: Seen<AvroRegistrationResponse>[];
  let location = '';
  let messageId = 1;
  let tickets = 0;
  /** Of the observation of object 25, and of that of a child. */
  let objectToken = '';
  let childToken = '';

  before(async () => {
    gateway = await TestGateway.create(await useEdge(), { requestTimeoutMs: 4_000, rest: true });
    await gateway.spawn();
    seen = await gateway.follow<AvroResponseObserve>('observations');
    replies = await gateway.follow<AvroResponse>('replies');
    registrations = await gateway.follow<AvroRegistrationResponse>('registrations');
    device = await RawPeer.open(gateway.coapPort);
  });
  after(async () => {
    await device?.close();
    await gateway?.close();
  });

  const pathOf = (datagram: Buffer) => (optionsOf(datagram).get(URI_PATH) ?? []).map(String).join('/');
  const kindsOf = () => registrations.map(({ ep, value }) => `${value!.kind} ${ep}`);
  const recordsOf = (ep: string) => seen.filter((one) => one.ep === ep).map(({ value }) => value!);

  function answer(request: Buffer, records: unknown, observe?: number): void {
    const options = [
      ...(observe === undefined ? [] : [[OBSERVE, observe] as const]),
      [CONTENT_FORMAT, SENML_JSON],
    ] as const;
    const [token, id] = [tokenOf(request), messageIdOf(request)];
    device.send(raw({ type: 'ACK', code: '2.05', token, messageId: id, options, payload: JSON.stringify(records) }));
  }

  async function notify(token: string, observe: number, records: unknown): Promise<Buffer> {
    const options = [
      [OBSERVE, observe],
      [CONTENT_FORMAT, SENML_JSON],
    ] as const;
    const sent = { code: '2.05', token, messageId: messageId++, options, payload: JSON.stringify(records) };
    return await device.exchange(raw(sent));
  }

  async function command(ep: string, kind: AvroRequestKind, path: string, body: AvroRequestPayload['body'] = null) {
    const ticket = `child-${++tickets}`;
    const payload = { kind, path, contentFormat: 'SENML_JSON' as const, body };
    await gateway.command({ serverId: gateway.gatewayId, ep, ticket, payload });
    return ticket;
  }

  async function replyTo(ticket: string): Promise<AvroResponse> {
    const of = () => replies.find(({ value }) => value?.ticket === ticket)?.value;
    await eventually(`the reply to ${ticket}`, () => of() != null);
    return of()!;
  }

  it('registers them: object 25 is observed and read, and each instance is an endpoint of its own', async () => {
    const options = [
      [URI_PATH, 'rd'],
      [CONTENT_FORMAT, 40],
      [URI_QUERY, 'ep=site'],
      [URI_QUERY, 'lt=300'],
      [URI_QUERY, 'lwm2m=1.1'],
    ] as const;
    const created = await device.exchange(raw({ code: '0.02', messageId: messageId++, options, payload: LINKS }));
    location = String(optionsOf(created).get(LOCATION_PATH)![1]);
    const observed = await device.receive(4_000);
    objectToken = tokenOf(observed);
    assert.deepEqual([pathOf(observed), optionsOf(observed).get(OBSERVE)?.length], ['25', 1]);
    await device.expectSilence();
    answer(observed, BOTH, 1);
    const read = await device.receive(4_000);
    assert.deepEqual([pathOf(read), optionsOf(read).has(OBSERVE)], ['25', false]);
    answer(read, BOTH);
    await eventually('both children', () => kindsOf().length === 3);
    assert.deepEqual(kindsOf(), ['NEW site', `NEW ${FIRST}`, `NEW ${SECOND}`]);
    const body = Object.values(registrations[2]!.value!.body)[0]!;
    assert.ok('gatewayEp' in body);
    const told = JSON.parse(JSON.stringify([body.gatewayEp, body.prefix, body.root, body.port]));
    assert.deepEqual(told, [{ string: 'site' }, { string: 'd02' }, '/d02', device.port]);
  });

  it('reads of two children leave one after the other: there is one device underneath', async () => {
    const both = [await command(FIRST, 'read', '/3/0/9'), await command(SECOND, 'read', '/3/0/9')];
    for (const _ of both) {
      const request = await device.receive(4_000);
      await device.expectSilence();
      const path = pathOf(request);
      assert.match(path, /^d0[12]\/3\/0\/9$/);
      answer(request, [{ n: `/${path}`, v: 80 }]);
    }
    for (const ticket of both) {
      const { rep } = await replyTo(ticket);
      assert.equal(rep.code, 'CONTENT');
      assert.match(JSON.stringify(rep.body), /"path":"\/3\/0\/9"/);
    }
  });

  it('a command to the gateway may begin with a prefix; one that nobody has is refused', async () => {
    const good = await command('site', 'read', '/d02/3/0/9');
    const request = await device.receive(4_000);
    assert.equal(pathOf(request), 'd02/3/0/9');
    answer(request, [{ n: '/d02/3/0/9', v: 7 }]);
    const reply = await replyTo(good);
    assert.deepEqual([reply.ep, reply.path, reply.rep.code], ['site', '/d02/3/0/9', 'CONTENT']);
    const bad = await replyTo(await command('site', 'read', '/d09/3/0/9'));
    assert.equal(bad.rep.code, 'BAD_REQUEST');
    await device.expectSilence();
  });

  it('REST finds a child by its name and by its gateway, and reads below a prefix', async () => {
    const rest = `http://127.0.0.1:${gateway.restPort}/api`;
    const get = async (path: string) => JSON.parse(await (await fetch(`${rest}/${path}`)).text());
    const child = await get(`clients/${encodeURIComponent(SECOND)}`);
    assert.deepEqual([child.endpoint, child.gateway, child.prefix, child.rootPath], [SECOND, 'site', 'd02', '/d02']);
    const { devices } = await get('v1/devices?gateway=site');
    assert.deepEqual(
      devices.map(({ endpoint, behind }: { endpoint: string; behind: unknown }) => [endpoint, behind]),
      [
        [FIRST, { gateway: 'site', prefix: 'd01', deviceId: 'urn:dev:1' }],
        [SECOND, { gateway: 'site', prefix: 'd02', deviceId: 'urn:dev:2' }],
      ],
    );
    for (const [path, uri] of [
      ['clients/site/d02/3/0/9', 'd02/3/0/9'],
      [`clients/${encodeURIComponent(FIRST)}/3/0/9`, 'd01/3/0/9'],
    ] as const) {
      const reading = get(path);
      const request = await device.receive(4_000);
      assert.equal(pathOf(request), uri);
      answer(request, [{ n: `/${uri}`, v: 42 }]);
      assert.equal((await reading).content.value, 42);
    }
  });

  it('a composite read goes to the root of the gateway, with the prefix in each name', async () => {
    const ticket = await command(FIRST, 'readComposite', '/', { [COMPOSITE]: { paths: ['/3/0/9', '/3303/0'] } });
    const request = await device.receive(4_000);
    assert.deepEqual([codeOf(request), pathOf(request)], ['0.05', '']);
    assert.deepEqual(
      JSON.parse(payloadOf(request)).map(({ n, bn = '' }: { n: string; bn?: string }) => bn + n),
      ['/d01/3/0/9', '/d01/3303/0'],
    );
    answer(request, [
      { n: '/d01/3/0/9', v: 80 },
      { n: '/d01/3303/0/5700', v: 21.5 },
    ]);
    const { rep } = await replyTo(ticket);
    const { nodes } = JSON.parse(JSON.stringify(rep.body))[COMPOSITE_BODY];
    assert.deepEqual(
      nodes.map(({ path }: { path: string }) => path),
      ['/3/0/9', '/3303/0'],
    );
  });

  it('notifications and what the gateway sends come out under the child, with plain paths', async () => {
    const ticket = await command(FIRST, 'observe', '/3303/0/5700');
    const request = await device.receive(4_000);
    assert.deepEqual([pathOf(request), optionsOf(request).has(OBSERVE)], ['d01/3303/0/5700', true]);
    childToken = tokenOf(request);
    answer(request, [{ n: '/d01/3303/0/5700', v: 20 }], 1);
    assert.equal((await replyTo(ticket)).rep.code, 'CONTENT');
    assert.equal(typeOf(await notify(childToken, 2, [{ n: '/d01/3303/0/5700', v: 21 }])), 'ACK');
    const options = [
      [URI_PATH, 'dp'],
      [CONTENT_FORMAT, SENML_JSON],
    ] as const;
    const records = [
      { n: '/d02/3303/0/5700', v: 1 },
      { n: '/3/0/9', v: 2 },
      { n: '/d01/3303/0/5700', v: 3 },
    ];
    const sent = { code: '0.02', token: 'a7', messageId: messageId++, options, payload: JSON.stringify(records) };
    assert.equal(codeOf(await device.exchange(raw(sent))), '2.04');
    await eventually('the values', () => recordsOf(SECOND).length === 1 && recordsOf(FIRST).length === 2);
    assert.deepEqual(
      recordsOf(FIRST).map(({ path, ticket: of, observationId }) => [path, of, observationId]),
      [
        ['/3303/0/5700', ticket, childToken],
        ['/3303/0/5700', 'unset', 'send'],
      ],
    );
    assert.deepEqual(recordsOf(SECOND)[0]!.path, '/3303/0/5700');
    assert.ok(recordsOf('site').some(({ path, observationId }) => path === '/3/0/9' && observationId === 'send'));
  });

  it('outlast a kill of the server, with their observations and without a word', async () => {
    await gateway.kill();
    await gateway.spawn();
    await device.expectSilence(300);
    assert.equal(typeOf(await notify(childToken, 3, [{ n: '/d01/3303/0/5700', v: 22 }])), 'ACK');
    await eventually('the value', () => recordsOf(FIRST).length === 3);
    const ticket = await command(SECOND, 'read', '/3/0/9');
    const request = await device.receive(10_000);
    assert.equal(pathOf(request), 'd02/3/0/9');
    answer(request, [{ n: '/d02/3/0/9', v: 80 }]);
    assert.equal((await replyTo(ticket)).rep.code, 'CONTENT');
  });

  it('follow object 25, and end with their gateway', async () => {
    const came = [await notify(objectToken, 4, BOTH.slice(0, 3)), await device.receive(8_000)];
    const read = came.find((datagram) => typeOf(datagram) === 'CON')!;
    assert.deepEqual([pathOf(read), came.map(typeOf).sort()], ['25', ['ACK', 'CON']]);
    answer(read, BOTH.slice(0, 3));
    await eventually('the end of the second', () => kindsOf().includes(`DELETE ${SECOND}`));
    const options = [
      [URI_PATH, 'rd'],
      [URI_PATH, location],
    ] as const;
    assert.equal(codeOf(await device.exchange(raw({ code: '0.04', messageId: messageId++, options }))), '2.02');
    await eventually('the end of the first', () => kindsOf().includes(`DELETE ${FIRST}`));
    assert.deepEqual(kindsOf().slice(-2), ['DELETE site', `DELETE ${FIRST}`]);
    assert.equal(typeOf(await notify(childToken, 5, [{ n: '/d01/3303/0/5700', v: 1 }])), 'RST');
  });
});
