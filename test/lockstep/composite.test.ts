import assert from 'node:assert/strict';
import { decodePaths } from '../../lwm2m/content/timed-content.ts';
import { formatPath } from '../../lwm2m/path.ts';
import type {
  AvroRequest,
  AvroRequestKind,
  AvroRequestPayload,
  AvroResponse,
  AvroResponseObserve,
} from '../../schemas/generated/records.ts';
import { startGateway } from '../rig/edge.ts';
import { eventually, type Replies, type Seen, type TestGateway } from '../rig/gateway.ts';
import { codeOf, messageIdOf, optionsOf, payloadOf, RawPeer, raw, tokenOf, typeOf } from './coap-raw-peer.ts';

const OBSERVE = 6;
const LOCATION_PATH = 8;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const URI_QUERY = 15;
const ACCEPT = 17;
const BLOCK2 = 23;
const SENML_JSON = 110;
const READ = 'io.zeelos.leshan.avro.request.AvroReadCompositeRequest';
const WRITE = 'io.zeelos.leshan.avro.request.AvroWriteCompositeRequest';
const OBSERVE_BODY = 'io.zeelos.leshan.avro.request.AvroObserveCompositeRequest';
const COMPOSITE_BODY = 'io.zeelos.leshan.avro.response.AvroCompositeResponse';
const PATHS = ['/3/0/9', '/3303/0'];
const ROOT = '</>;rt="oma.lwm2m";ct="110 112 11542",</3/0>,</3303/0>';

const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
const uint = (value: Buffer | undefined) =>
  value === undefined ? undefined : value.reduce((n, byte) => n * 256 + byte, 0);

describe('Send and composite operations, datagram by datagram', function () {
  this.timeout(60_000);
  let gateway: TestGateway;
  let seen: Seen<AvroResponseObserve>[];
  let replies: Replies;
  const peers: RawPeer[] = [];
  let messageId = 1;
  let tickets = 0;

  before(async () => {
    gateway = await startGateway({ requestTimeoutMs: 4_000 });
    seen = await gateway.follow<AvroResponseObserve>('observations');
    replies = await gateway.follow<AvroResponse>('replies');
  });
  after(async () => {
    for (const peer of peers) await peer.close();
    await gateway?.close();
  });

  async function register(ep: string, links = ROOT, version = '1.1'): Promise<RawPeer> {
    const device = await RawPeer.open(gateway.coapPort);
    peers.push(device);
    const options = [
      [URI_PATH, 'rd'],
      [CONTENT_FORMAT, 40],
      [URI_QUERY, `ep=${ep}`],
      [URI_QUERY, 'lt=300'],
      [URI_QUERY, `lwm2m=${version}`],
    ] as const;
    const answer = await device.exchange(raw({ code: '0.02', messageId: messageId++, options, payload: links }));
    assert.ok(optionsOf(answer).has(LOCATION_PATH));
    return device;
  }

  function sendMessage(records: unknown, format = SENML_JSON): Buffer {
    const options = [
      [URI_PATH, 'dp'],
      [CONTENT_FORMAT, format],
    ] as const;
    const payload = typeof records === 'string' ? records : JSON.stringify(records);
    return raw({ code: '0.02', token: 'a7', messageId: messageId++, options, payload });
  }

  async function command(
    ep: string,
    kind: AvroRequestKind,
    body: AvroRequestPayload['body'],
    more: Partial<AvroRequestPayload & Pick<AvroRequest, 'ticket'>> = {},
  ): Promise<string> {
    const { ticket = `composite-${++tickets}`, ...payload } = more;
    const request = { kind, path: '/', contentFormat: 'AUTO' as const, body, ...payload };
    await gateway.command({ serverId: gateway.gatewayId, ep, ticket, payload: request });
    return ticket;
  }

  async function replyTo(ticket: string, kind: AvroRequestKind): Promise<AvroResponse> {
    const of = () => replies.filter(({ value }) => value?.ticket === ticket && value.rep.kind === kind);
    await eventually(`the reply to ${kind} ${ticket}`, () => of().length > 0);
    return of()[0]!.value!;
  }

  function answer(device: RawPeer, request: Buffer, records: unknown, observe?: number): void {
    device.send(
      raw({
        type: 'ACK',
        code: '2.05',
        token: tokenOf(request),
        messageId: messageIdOf(request),
        options: [...(observe === undefined ? [] : [[OBSERVE, observe] as const]), [CONTENT_FORMAT, SENML_JSON]],
        payload: JSON.stringify(records),
      }),
    );
  }

  function notification(token: string, observe: number, records: unknown): Buffer {
    const options = [
      [OBSERVE, observe],
      [CONTENT_FORMAT, SENML_JSON],
    ] as const;
    return raw({ code: '2.05', token, messageId: messageId++, options, payload: JSON.stringify(records) });
  }

  const recordsOf = (ep: string) => seen.filter((one) => one.ep === ep).map(({ value }) => value!);
  const shapeOf = ({ path, timestamp, rep }: AvroResponseObserve) => [path, timestamp, rep.code];

  it('Send: 2.04 when the records are in the topic; a repetition gets the same answer and no second record', async () => {
    const device = await register('sender');
    const message = sendMessage([
      { bn: '/3303/0/', n: '5700', t: 1_700_000_000, v: 20 },
      { n: '5700', t: 1_700_000_001, v: 21 },
      { n: '5701', t: 1_700_000_001, vs: 'Cel' },
      { n: '5601', vs: 'no number' },
    ]);
    const first = await device.exchange(message);
    const committed = (await gateway.observations()).filter(({ ep }) => ep === 'sender').map(({ value }) => value!);
    assert.deepEqual([codeOf(first), tokenOf(first)], ['2.04', 'a7']);
    assert.deepEqual(committed.slice(0, 3).map(shapeOf), [
      ['/3303/0/5700', 1_700_000_000_000, 'CONTENT'],
      ['/3303/0/5700', 1_700_000_001_000, 'CONTENT'],
      ['/3303/0/5701', 1_700_000_001_000, 'CONTENT'],
    ]);
    assert.deepEqual([committed[3]!.rep.code, committed.length], ['UNKNOWN', 4]);
    for (const { observationId, ticket, rep } of committed)
      assert.deepEqual([observationId, ticket, rep.kind], ['send', 'unset', 'observe']);
    assert.deepEqual(await device.exchange(message), first);
    assert.equal((await gateway.observations()).filter(({ ep }) => ep === 'sender').length, 4);
  });

  it('Send: refuses strangers, unknown formats and bad bodies', async () => {
    const device = await register('bad-sender');
    assert.equal(codeOf(await device.exchange(sendMessage('[{'))), '4.00');
    assert.equal(codeOf(await device.exchange(sendMessage('x', 11542))), '4.15');
    assert.equal(codeOf(await device.exchange(sendMessage('x', 65_000))), '4.15');
    const stranger = await RawPeer.open(gateway.coapPort);
    peers.push(stranger);
    assert.equal(codeOf(await stranger.exchange(sendMessage([{ n: '/3/0/9', v: 1 }]))), '4.04');
    assert.deepEqual(recordsOf('bad-sender'), []);
  });

  it('Read-Composite: FETCH on the root with the paths in the body', async () => {
    const device = await register('reader');
    const ticket = await command('reader', 'readComposite', {
      [READ]: { paths: PATHS },
    });
    const request = await device.receive(4_000);
    const options = optionsOf(request);
    assert.deepEqual([codeOf(request), options.has(URI_PATH), options.has(OBSERVE)], ['0.05', false, false]);
    assert.deepEqual(
      [CONTENT_FORMAT, ACCEPT].map((number) => uint(options.get(number)?.[0])),
      [SENML_JSON, SENML_JSON],
    );
    assert.deepEqual(
      decodePaths(SENML_JSON, Buffer.from(payloadOf(request)))
        .map(formatPath)
        .sort(),
      PATHS,
    );
    answer(device, request, [
      { n: '/3/0/9', v: 80 },
      { n: '/3303/0/5700', v: 21.5 },
    ]);
    const reply = await replyTo(ticket, 'readComposite');
    const { nodes } = plain(reply.rep.body)[COMPOSITE_BODY];
    assert.deepEqual(
      [reply.rep.code, nodes.map(({ path, timestamp }: { path: string; timestamp: unknown }) => [path, timestamp])],
      [
        'CONTENT',
        [
          ['/3/0/9', null],
          ['/3303/0', null],
        ],
      ],
    );
  });

  it('Write-Composite: iPATCH on the root', async () => {
    const device = await register('writer');
    const single = {
      id: 14,
      path: '/3/0/14',
      kind: 'SINGLE_RESOURCE',
      type: 'STRING',
      value: { string: '+02:00' },
    } as const;
    const nodes = [{ path: '/3/0/14', content: { 'io.zeelos.leshan.avro.resource.AvroResource': single } }];
    const ticket = await command('writer', 'writeComposite', { [WRITE]: { nodes } });
    const request = await device.receive(4_000);
    assert.deepEqual([codeOf(request), optionsOf(request).has(URI_PATH)], ['0.07', false]);
    assert.match(payloadOf(request), /"\/3\/0\/14".*"\+02:00"/);
    device.send(raw({ type: 'ACK', code: '2.04', token: tokenOf(request), messageId: messageIdOf(request) }));
    assert.equal((await replyTo(ticket, 'writeComposite')).rep.code, 'CHANGED');
  });

  it('Observe-Composite: one record for each path and time, until it is cancelled by its ticket', async () => {
    const device = await register('observed');
    const body = { [OBSERVE_BODY]: { paths: PATHS } } as const;
    const ticket = await command('observed', 'observeComposite', body);
    const request = await device.receive(4_000);
    assert.deepEqual([codeOf(request), uint(optionsOf(request).get(OBSERVE)?.[0])], ['0.05', 0]);
    answer(device, request, [{ n: '/3/0/9', v: 80 }], 1);
    assert.equal((await replyTo(ticket, 'observeComposite')).rep.code, 'CONTENT');
    assert.deepEqual(recordsOf('observed'), []);

    const token = tokenOf(request);
    const sent = notification(token, 2, [
      { n: '/3303/0/5700', t: 1_700_000_000, v: 1 },
      { n: '/3303/0/5700', t: 1_700_000_009, v: 2 },
      { n: '/3/0/9', t: 1_700_000_009, v: 79 },
    ]);
    const acknowledgement = await device.exchange(sent);
    assert.deepEqual([typeOf(acknowledgement), messageIdOf(acknowledgement)], ['ACK', messageIdOf(sent)]);
    await eventually('three records', () => recordsOf('observed').length === 3);
    assert.deepEqual(recordsOf('observed').map(shapeOf).sort(), [
      ['/3/0/9', 1_700_000_009_000, 'CONTENT'],
      ['/3303/0', 1_700_000_000_000, 'CONTENT'],
      ['/3303/0', 1_700_000_009_000, 'CONTENT'],
    ]);
    for (const record of recordsOf('observed'))
      assert.deepEqual([record.ticket, record.observationId, record.rep.kind], [ticket, token, 'observe']);

    await command('observed', 'observeCancel', null, { ticket });
    const cancel = await device.receive(4_000);
    assert.deepEqual([codeOf(cancel), uint(optionsOf(cancel).get(OBSERVE)?.[0]), tokenOf(cancel)], ['0.05', 1, token]);
    assert.equal(payloadOf(cancel), payloadOf(request));
    answer(device, cancel, [{ n: '/3/0/9', v: 80 }]);
    assert.equal((await replyTo(ticket, 'observeCancel')).rep.code, 'CONTENT');
    assert.equal(typeOf(await device.exchange(notification(token, 3, [{ n: '/3/0/9', v: 1 }]))), 'RST');
    assert.equal(recordsOf('observed').length, 3);
  });

  it('Observe-Composite goes on over a restart, and ends by its paths', async () => {
    const device = await register('lasting');
    const body = { [OBSERVE_BODY]: { paths: PATHS } } as const;
    const ticket = await command('lasting', 'observeComposite', body);
    const request = await device.receive(4_000);
    answer(device, request, [{ n: '/3/0/9', v: 80 }], 1);
    await replyTo(ticket, 'observeComposite');
    await gateway.stop();
    await gateway.start();
    assert.equal(typeOf(await device.exchange(notification(tokenOf(request), 2, [{ n: '/3/0/9', v: 7 }]))), 'ACK');
    await eventually('a record', () => recordsOf('lasting').length === 1);
    assert.deepEqual([recordsOf('lasting')[0]!.path, recordsOf('lasting')[0]!.ticket], ['/3/0/9', ticket]);
    const reversed = { [OBSERVE_BODY]: { paths: PATHS.toReversed() } } as const;
    const other = await command('lasting', 'observeCancel', reversed);
    const cancel = await device.receive(4_000);
    assert.deepEqual([codeOf(cancel), tokenOf(cancel)], ['0.05', tokenOf(request)]);
    answer(device, cancel, [{ n: '/3/0/9', v: 80 }]);
    assert.equal((await replyTo(other, 'observeCancel')).rep.code, 'CONTENT');
  });

  it('fetches the rest of a composite notification with the same body as the observation', async () => {
    const device = await register('long');
    const ticket = await command('long', 'observeComposite', { [OBSERVE_BODY]: { paths: PATHS } });
    const request = await device.receive(4_000);
    answer(device, request, [{ n: '/3/0/9', v: 80 }], 1);
    await replyTo(ticket, 'observeComposite');
    const records = JSON.stringify([
      { n: '/3/0/9', v: 79 },
      { n: '/3303/0/5700', v: 21.5 },
      { n: '/3303/0/5701', vs: 'Cel' },
    ]);
    assert.ok(records.length > 64 && records.length <= 128);
    const options = [
      [OBSERVE, 2],
      [CONTENT_FORMAT, SENML_JSON],
      [BLOCK2, 8 | 2],
    ] as const;
    const ids = { token: tokenOf(request), messageId: messageId++ };
    const first = raw({ code: '2.05', ...ids, options, payload: records.slice(0, 64) });
    const rest = await device.exchange(first);
    assert.deepEqual(
      [codeOf(rest), optionsOf(rest).has(OBSERVE), optionsOf(rest).has(URI_PATH)],
      ['0.05', false, false],
    );
    assert.equal(payloadOf(rest), payloadOf(request));
    const second = raw({
      type: 'ACK',
      code: '2.05',
      token: tokenOf(rest),
      messageId: messageIdOf(rest),
      options: [
        [CONTENT_FORMAT, SENML_JSON],
        [BLOCK2, (1 << 4) | 2],
      ],
      payload: records.slice(64),
    });
    const acknowledgement = await device.exchange(second);
    assert.deepEqual([typeOf(acknowledgement), messageIdOf(acknowledgement)], ['ACK', messageIdOf(first)]);
    await eventually('two records', () => recordsOf('long').length === 2);
    assert.deepEqual(
      recordsOf('long')
        .map(({ path }) => path)
        .sort(),
      PATHS,
    );
  });

  it('a notification with several times becomes as many records, its ACK after all of them', async () => {
    const device = await register('history');
    const ticket = await command('history', 'observe', null, { path: '/3303/0/5700' });
    const request = await device.receive(4_000);
    assert.equal(uint(optionsOf(request).get(ACCEPT)?.[0]), SENML_JSON);
    answer(
      device,
      request,
      [
        { bn: '/3303/0/5700', bt: 1_700_000_000, v: 1 },
        { t: 60, v: 2 },
      ],
      1,
    );
    const reply = await replyTo(ticket, 'observe');
    assert.deepEqual(plain(reply.valueTimestamp), { long: 1_700_000_060_000 });
    const sent = notification(tokenOf(request), 2, [
      { bn: '/3303/0/5700', bt: 1_700_000_100, v: 3 },
      { t: 60, v: 4 },
      { t: 70, vs: 'x' },
    ]);
    assert.equal(typeOf(await device.exchange(sent)), 'ACK');
    const committed = (await gateway.observations()).filter(({ ep }) => ep === 'history').map(({ value }) => value!);
    assert.deepEqual(
      committed.map(({ timestamp, rep }) => [rep.code === 'UNKNOWN' ? 0 : timestamp, rep.code]),
      [
        [1_700_000_000_000, 'CONTENT'],
        [1_700_000_100_000, 'CONTENT'],
        [1_700_000_160_000, 'CONTENT'],
        [0, 'UNKNOWN'],
      ],
    );
    assert.ok((await gateway.metric('lwm2m_content_faults_total')) >= 1);
  });

  it('a device of LwM2M 1.0 that knows no FETCH says so in its own words', async () => {
    const device = await register('old', '</3/0>', '1.0');
    const ticket = await command('old', 'readComposite', {
      [READ]: { paths: ['/3/0'] },
    });
    const request = await device.receive(4_000);
    device.send(raw({ type: 'ACK', code: '4.05', token: tokenOf(request), messageId: messageIdOf(request) }));
    assert.equal((await replyTo(ticket, 'readComposite')).rep.code, 'METHOD_NOT_ALLOWED');
  });

  it('refuses composite commands that cannot be, each with one reply and nothing sent', async () => {
    const device = await register('quiet');
    const many = Array.from({ length: 201 }, (_, id) => `/3303/${id}`);
    const bad: [AvroRequestKind, AvroRequestPayload['body']][] = [
      ['readComposite', null],
      ['readComposite', { [READ]: { paths: [] } }],
      ['observeComposite', { [OBSERVE_BODY]: { paths: many } }],
      ['observeComposite', { [READ]: { paths: PATHS } }],
      ['writeComposite', { [WRITE]: { nodes: [] } }],
    ];
    for (const [kind, body] of bad) {
      const ticket = await command('quiet', kind, body);
      assert.equal((await replyTo(ticket, kind)).rep.code, 'BAD_REQUEST', kind);
    }
    const ticket = await command('quiet', 'observeCancel', null);
    assert.equal((await replyTo(ticket, 'observeCancel')).rep.code, 'NOT_FOUND');
    await device.expectSilence();
  });
});
