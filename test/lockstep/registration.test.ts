import assert from 'node:assert/strict';
import type {
  AvroRegistrationDelete,
  AvroRegistrationNew,
  AvroRegistrationResponse,
  AvroRegistrationUpdate,
} from '../../schemas/generated/records.ts';
import { startGateway } from '../rig/edge.ts';
import { eventually, type Seen, type TestGateway } from '../rig/gateway.ts';
import {
  codeOf,
  messageIdOf,
  optionsOf,
  payloadOf,
  type RawMessage,
  RawPeer,
  raw,
  tokenOf,
  typeOf,
} from './coap-raw-peer.ts';

const LOCATION_PATH = 8;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const MAX_AGE = 14;
const URI_QUERY = 15;
const BLOCK1 = 27;
const LINKS = '</1/0>,</3/0>,</3303/0>;ver="1.1"';

function branch<T>(record: AvroRegistrationResponse): T {
  return Object.values(record.body)[0] as T;
}

describe('registration interface, datagram by datagram', function () {
  this.timeout(60_000);
  let gateway: TestGateway;
  const peers: RawPeer[] = [];
  let messageId = 1;

  before(async () => {
    gateway = await startGateway({ maxRegistrations: 50 });
  });
  after(async () => {
    for (const peer of peers) await peer.close();
    await gateway?.close();
  });

  async function peer(): Promise<RawPeer> {
    const opened = await RawPeer.open(gateway.coapPort);
    peers.push(opened);
    return opened;
  }

  function post(path: readonly string[], query: readonly string[], more: Partial<RawMessage> = {}): Buffer {
    const options = [
      ...path.map((segment) => [URI_PATH, segment] as const),
      ...(more.payload === undefined ? [] : [[CONTENT_FORMAT, 40] as const]),
      ...query.map((part) => [URI_QUERY, part] as const),
      ...(more.options ?? []),
    ];
    return raw({ code: '0.02', token: 'a1', messageId: messageId++, ...more, options });
  }

  async function register(from: RawPeer, ep: string, query: readonly string[] = ['lt=300']): Promise<string> {
    const answer = await from.exchange(post(['rd'], [`ep=${ep}`, ...query], { payload: LINKS }));
    assert.equal(codeOf(answer), '2.01');
    const [rd, id] = optionsOf(answer).get(LOCATION_PATH)!.map(String);
    assert.equal(rd, 'rd');
    return id!;
  }

  async function recordsOf(ep: string): Promise<Seen<AvroRegistrationResponse>[]> {
    return (await gateway.registrations()).filter((seen) => seen.ep === ep);
  }

  it('registers, updates and deregisters, each answered after its record', async () => {
    const device = await peer();
    const before = Date.now();
    const query = ['ep=happy', 'lt=300', 'lwm2m=1.0', 'b=UQ', 'sms=+491', 'x=1', 'flag'];
    const answer = await device.exchange(post(['rd'], query, { payload: LINKS }));
    const after = Date.now();
    assert.equal(typeOf(answer), 'ACK');
    assert.equal(messageIdOf(answer), messageId - 1);
    assert.equal(tokenOf(answer), 'a1');
    const regId = optionsOf(answer).get(LOCATION_PATH)![1]!.toString();
    const [created] = await recordsOf('happy');
    const { regDate, lastUp, ...rest } = branch<AvroRegistrationNew>(created!.value!);
    assert.ok(regDate >= before && regDate <= after && lastUp === regDate);
    assert.equal(created!.value!.kind, 'NEW');
    assert.deepEqual(JSON.parse(JSON.stringify(rest)), {
      ep: 'happy',
      serverId: gateway.gatewayId,
      address: '127.0.0.1',
      port: device.port,
      regAddr: '127.0.0.1',
      regPort: gateway.coapPort,
      lt: 300,
      sms: { string: '+491' },
      ver: '1.0',
      bnd: 'UQ',
      regId,
      links: [
        { url: '/1/0', at: {} },
        { url: '/3/0', at: {} },
        { url: '/3303/0', at: { ver: '1.1' } },
      ],
      attributes: { map: { x: '1', flag: '' } },
      root: '/',
      queueMode: true,
      binding: null,
      gatewayEp: null,
      gatewayRegId: null,
      prefix: null,
      deviceId: null,
    });

    const updated = await device.exchange(post(['rd', regId], ['lt=60', 'b=U'], { payload: '</3/0>' }));
    assert.equal(codeOf(updated), '2.04');
    assert.equal(codeOf(await device.exchange(post(['rd', regId], []))), '2.04');
    const [, update, bare] = await recordsOf('happy');
    const full = branch<AvroRegistrationUpdate>(update!.value!);
    assert.equal(update!.value!.kind, 'UPDATE');
    assert.deepEqual(JSON.parse(JSON.stringify({ ...full, lastUp: 0 })), {
      ep: 'happy',
      serverId: gateway.gatewayId,
      regId,
      address: '127.0.0.1',
      port: device.port,
      lt: { long: 60 },
      sms: null,
      bnd: { 'io.zeelos.leshan.avro.registration.AvroBnd': 'U' },
      links: { array: [{ url: '/3/0', at: {} }] },
      attributes: null,
      lastUp: 0,
      queueMode: { boolean: false },
      binding: null,
    });
    const empty = branch<AvroRegistrationUpdate>(bare!.value!);
    assert.deepEqual([empty.lt, empty.bnd, empty.links, empty.sms], [null, null, null, null]);

    const gone = await device.exchange(
      raw({
        code: '0.04',
        token: 'a2',
        messageId: messageId++,
        options: [
          [URI_PATH, 'rd'],
          [URI_PATH, regId],
        ],
      }),
    );
    assert.equal(codeOf(gone), '2.02');
    const records = await recordsOf('happy');
    assert.deepEqual(
      records.map(({ value }) => value!.kind),
      ['NEW', 'UPDATE', 'UPDATE', 'DELETE'],
    );
    const end = branch<AvroRegistrationDelete>(records[3]!.value!);
    assert.deepEqual([end.ep, end.serverId, end.expired], ['happy', gateway.gatewayId, false]);
    assert.equal((await gateway.state()).has('registration/happy'), false);
    assert.equal(codeOf(await device.exchange(post(['rd', regId], []))), '4.04');
  });

  it('writes DELETE then NEW when a device registers anew, and answers a duplicate without another record', async () => {
    const device = await peer();
    const first = await register(device, 'again');
    const request = post(['rd'], ['ep=again', 'lt=300'], { payload: LINKS });
    const answer = await device.exchange(request);
    assert.deepEqual(await device.exchange(request), answer);
    const second = optionsOf(answer).get(LOCATION_PATH)![1]!.toString();
    assert.notEqual(second, first);
    const records = await recordsOf('again');
    assert.deepEqual(
      records.map(({ value }) => value!.kind),
      ['NEW', 'DELETE', 'NEW'],
    );
    assert.equal(branch<AvroRegistrationDelete>(records[1]!.value!).expired, false);
    assert.equal(branch<AvroRegistrationNew>(records[2]!.value!).regId, second);
    assert.equal(codeOf(await device.exchange(post(['rd', first], []))), '4.04');
    assert.equal(codeOf(await device.exchange(post(['rd', second], []))), '2.04');
  });

  it('ends a registration whose lifetime runs out', async () => {
    const device = await peer();
    await register(device, 'short', ['lt=1']);
    await eventually('DELETE of short', async () => (await recordsOf('short')).length === 2, 15_000);
    const [, last] = await recordsOf('short');
    assert.equal(last!.value!.kind, 'DELETE');
    assert.equal(branch<AvroRegistrationDelete>(last!.value!).expired, true);
    assert.equal((await gateway.state()).has('registration/short'), false);
  });

  it('refuses what is no registration with the specified code, and records nothing', async () => {
    const device = await peer();
    const before = (await gateway.registrations()).length;
    const refused: [string, string, Buffer][] = [
      ['no ep', '4.00', post(['rd'], ['lt=300'])],
      ['empty ep', '4.00', post(['rd'], ['ep='])],
      ['two ep', '4.00', post(['rd'], ['ep=a', 'ep=b'])],
      ['control character', '4.00', post(['rd'], ['ep=a\u0007b'])],
      ['lt 0', '4.00', post(['rd'], ['ep=a', 'lt=0'])],
      ['lt -1', '4.00', post(['rd'], ['ep=a', 'lt=-1'])],
      ['lt 2^32', '4.00', post(['rd'], ['ep=a', 'lt=4294967296'])],
      ['unknown version', '4.12', post(['rd'], ['ep=a', 'lwm2m=9.9'])],
      ['unknown binding', '4.00', post(['rd'], ['ep=a', 'b=XYZ'])],
      ['binding of 1.1 in 1.0', '4.00', post(['rd'], ['ep=a', 'lwm2m=1.0', 'b=UT'])],
      ['transport twice', '4.00', post(['rd'], ['ep=a', 'lwm2m=1.1', 'b=UU'])],
      ['Q with a value', '4.00', post(['rd'], ['ep=a', 'lwm2m=1.1', 'Q=1'])],
      ['lt that is no number', '4.00', post(['rd'], ['ep=a', 'lt=1e3'])],
      ['lt twice', '4.00', post(['rd'], ['ep=a', 'lt=1', 'lt=2'])],
      ['empty version', '4.12', post(['rd'], ['ep=a', 'lwm2m='])],
      ['33 parameters', '4.00', post(['rd'], ['ep=a', ...Array.from({ length: 32 }, (_, n) => `x${n}`)])],
      ['root that climbs', '4.00', post(['rd'], ['ep=a'], { payload: '</../rd>;rt="oma.lwm2m"' })],
      ['location that climbs', '4.02', post(['rd', '..', 'rd'], [])],
      ['empty location', '4.04', post(['rd', ''], [])],
      ['location of 200 bytes', '4.04', post(['rd', 'x'.repeat(200)], [])],
      ['bad links', '4.00', post(['rd'], ['ep=a'], { payload: '</3/0>;title="open' })],
      ['links of no text', '4.00', post(['rd'], ['ep=a'], { payload: '</3/0>,' })],
      ['unknown location', '4.04', post(['rd', 'nobody'], [])],
      ['too deep', '4.04', post(['rd', 'a', 'b'], [])],
      ['other path', '4.04', post(['else'], [])],
      ['GET /rd', '4.05', raw({ code: '0.01', messageId: messageId++, options: [[URI_PATH, 'rd']] })],
      ['PUT /rd', '4.05', raw({ code: '0.03', messageId: messageId++, options: [[URI_PATH, 'rd']] })],
      ['DELETE /rd', '4.05', raw({ code: '0.04', messageId: messageId++, options: [[URI_PATH, 'rd']] })],
      ['critical option', '4.02', post(['rd'], ['ep=a'], { options: [[2049, 'x']] })],
    ];
    for (const [name, code, datagram] of refused) {
      const answer = await device.exchange(datagram);
      assert.equal(codeOf(answer), code, `${name}: ${payloadOf(answer)}`);
    }
    assert.equal((await gateway.registrations()).length, before);
    assert.equal(codeOf(await device.exchange(raw({ code: '0.01', messageId: messageId++ }))), '4.04');
  });

  it('takes what a device of 1.1 or 1.2 says', async () => {
    const device = await peer();
    const query = ['ep=modern', 'lt=0', 'lwm2m=1.2', 'b=TU', 'Q', 'pid=7'];
    const links = '</lwm2m>;rt="oma.lwm2m";ct="60 110 112",</lwm2m/3>;ver=1.2,</lwm2m/3/0>';
    const answer = await device.exchange(post(['rd'], query, { payload: links }));
    assert.equal(codeOf(answer), '2.01');
    const [record] = await recordsOf('modern');
    const { lt, ver, bnd, binding, queueMode, root, attributes } = branch<AvroRegistrationNew>(record!.value!);
    assert.deepEqual(JSON.parse(JSON.stringify([lt, ver, bnd, binding, queueMode, root, attributes])), [
      0,
      '1.2',
      'UQ',
      { string: 'TU' },
      true,
      '/lwm2m',
      { map: { pid: '7' } },
    ]);
  });

  it('refuses an update that would change whose registration it is, and goes on with it', async () => {
    const device = await peer();
    const id = await register(device, 'same');
    const refused: [string, Buffer][] = [
      ['4.00', post(['rd', id], ['ep=other'])],
      ['4.00', post(['rd', id], ['lwm2m=1.1'])],
      ['4.00', post(['rd', id], ['lt=0'])],
      ['4.00', post(['rd', id], [], { payload: '</3/0' })],
      ['4.02', post(['rd', id], [], { options: [[2049, 'x']] })],
    ];
    for (const [code, datagram] of refused) assert.equal(codeOf(await device.exchange(datagram)), code);
    assert.equal((await recordsOf('same')).length, 1);
    assert.equal(codeOf(await device.exchange(post(['rd', id], ['ep=same', 'lt=30']))), '2.04');
  });

  it('keeps two devices on one socket apart, and follows each to where it moves', async () => {
    const [shared, elsewhere] = [await peer(), await peer()];
    const one = await register(shared, 'twin-1');
    const two = await register(shared, 'twin-2');
    assert.equal(codeOf(await elsewhere.exchange(post(['rd', two], []))), '2.04');
    assert.equal(codeOf(await shared.exchange(post(['rd', one], []))), '2.04');
    const ports = (await Promise.all(['twin-1', 'twin-2'].map(recordsOf))).map(
      (records) => branch<AvroRegistrationUpdate>(records.at(-1)!.value!).port,
    );
    assert.deepEqual(ports, [shared.port, elsewhere.port]);
  });

  it('answers GET of a registration with 4.05', async () => {
    const device = await peer();
    const id = await register(device, 'methods');
    for (const code of ['0.01', '0.05', '0.06']) {
      const options = [
        [URI_PATH, 'rd'],
        [URI_PATH, id],
      ] as const;
      assert.equal(codeOf(await device.exchange(raw({ code, messageId: messageId++, options }))), '4.05', code);
    }
  });

  it('takes links block by block', async () => {
    const device = await peer();
    const links = Array.from({ length: 40 }, (_, id) => `</3303/${id}>`).join(',');
    const parts = links.match(/.{1,256}/g)!;
    const query = ['ep=blocks', 'lt=300'];
    let answer: Buffer = Buffer.alloc(0);
    for (const [number, payload] of parts.entries()) {
      const more = number < parts.length - 1;
      const block = (number << 4) | (more ? 8 : 0) | 4;
      answer = await device.exchange(post(['rd'], query, { payload, options: [[BLOCK1, block]] }));
      assert.equal(codeOf(answer), more ? '2.31' : '2.01');
    }
    const [record] = await recordsOf('blocks');
    assert.equal(branch<AvroRegistrationNew>(record!.value!).links.length, 40);
  });

  it('refuses a body above the limit and a block out of turn', async () => {
    const device = await peer();
    const tooMany = await device.exchange(
      post(['rd'], ['ep=huge'], { payload: 'x'.repeat(1024), options: [[BLOCK1, (5 << 4) | 8 | 6]] }),
    );
    assert.equal(codeOf(tooMany), '4.08');
    assert.deepEqual(await recordsOf('huge'), []);
  });

  it('sheds new devices at the limit with a time to wait, and none that is registered', async () => {
    const device = await peer();
    const size = await gateway.metric('lwm2m_registrations');
    for (let n = size; n < 50; n++) await register(device, `full-${n}`);
    const answer = await device.exchange(post(['rd'], ['ep=one-more'], { payload: LINKS }));
    assert.equal(codeOf(answer), '5.03');
    assert.deepEqual(optionsOf(answer).get(MAX_AGE)?.[0], Buffer.from([30]));
    await register(device, 'full-49');
    assert.deepEqual(await recordsOf('one-more'), []);
  });

  it('answers rubbish with nothing worse than a reset and goes on', async () => {
    const device = await peer();
    for (const hex of ['', '00', 'ffffffff', '4f01000a', '40020001ff', '48020002aabb'])
      device.send(Buffer.from(hex, 'hex'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const fresh = await peer();
    assert.equal(codeOf(await fresh.exchange(post(['rd'], ['lt=1']))), '4.00');
  });
});
