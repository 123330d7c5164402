import assert from 'node:assert/strict';
import type { AvroResponse, AvroResponseObserve, AvroResponsePayload } from '../../schemas/generated/records.ts';
import { startGateway } from '../rig/edge.ts';
import { eventually, type Replies, type Seen, type TestGateway } from '../rig/gateway.ts';
import { codeOf, messageIdOf, optionsOf, RawPeer, raw, tokenOf, typeOf } from './coap-raw-peer.ts';

const OBSERVE = 6;
const LOCATION_PATH = 8;
const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const URI_QUERY = 15;
const BLOCK2 = 23;
const READ_BODY = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const GENERIC_BODY = 'io.zeelos.leshan.avro.response.AvroGenericResponse';
const SINGLE = 'io.zeelos.leshan.avro.resource.AvroResource';

type Body = Record<string, { content: Record<string, { value: unknown }>; message: string }>;

/** Without the class that avsc gives to the branches of a union. */
function plainValue({ body }: AvroResponsePayload): unknown {
  return JSON.parse(JSON.stringify((body as Body | null)?.[READ_BODY]?.content[SINGLE]?.value));
}

function messageOf({ body }: AvroResponsePayload): string {
  return (body as Body | null)?.[GENERIC_BODY]?.message ?? '';
}

describe('observation, datagram by datagram', function () {
  this.timeout(60_000);
  let gateway: TestGateway;
  let seen: Seen<AvroResponseObserve>[];
  let replies: Replies;
  const peers: RawPeer[] = [];
  let messageId = 1000;

  before(async () => {
    gateway = await startGateway({ observe: ['/3303/0/5700'], requestTimeoutMs: 4_000 });
    seen = await gateway.follow<AvroResponseObserve>('observations');
    replies = await gateway.follow<AvroResponse>('replies');
  });
  after(async () => {
    for (const peer of peers) await peer.close();
    await gateway?.close();
  });

  async function open(): Promise<RawPeer> {
    const peer = await RawPeer.open(gateway.coapPort);
    peers.push(peer);
    return peer;
  }

  async function register(device: RawPeer, ep: string, links = '</3303/0>'): Promise<string> {
    const options = [
      [URI_PATH, 'rd'],
      [CONTENT_FORMAT, 40],
      [URI_QUERY, `ep=${ep}`],
      [URI_QUERY, 'lt=300'],
    ] as const;
    device.send(raw({ code: '0.02', token: 'a1', messageId: messageId++, options, payload: links }));
    return optionsOf(await device.receive())
      .get(LOCATION_PATH)![1]!
      .toString();
  }

  /** Waits to be observed and answers with a value; returns the token of the observation. */
  async function takeUp(device: RawPeer, value = '20.0', observe: number = 1): Promise<string> {
    const request = await device.receive(4_000);
    assert.equal(codeOf(request), '0.01');
    assert.ok(optionsOf(request).has(OBSERVE));
    const options = [
      [OBSERVE, observe],
      [CONTENT_FORMAT, 0],
    ] as const;
    const token = tokenOf(request);
    device.send(raw({ type: 'ACK', code: '2.05', token, messageId: messageIdOf(request), options, payload: value }));
    return token;
  }

  function notification(token: string, observe: number, payload: string, format = 0): Buffer {
    const options = [
      [OBSERVE, observe],
      [CONTENT_FORMAT, format],
    ] as const;
    return raw({ type: 'CON', code: '2.05', token, messageId: messageId++, options, payload });
  }

  const recordsOf = (ep: string) => seen.filter((one) => one.ep === ep).map(({ value }) => value!);
  const countOf = async (ep: string, count: number) =>
    await eventually(`${count} records of ${ep}`, () => recordsOf(ep).length >= count);

  async function observed(ep: string): Promise<{ device: RawPeer; token: string; id: string }> {
    const device = await open();
    const id = await register(device, ep);
    const token = await takeUp(device);
    await countOf(ep, 1);
    return { device, token, id };
  }

  it('observes what it is told to on every device and records each value with its number', async () => {
    const { device, token } = await observed('plain');
    const before = Date.now();
    const sent = notification(token, 2, '21.5');
    const answer = await device.exchange(sent);
    assert.deepEqual([typeOf(answer), codeOf(answer), messageIdOf(answer)], ['ACK', '0.00', messageIdOf(sent)]);
    await countOf('plain', 2);
    const [first, second] = recordsOf('plain');
    assert.deepEqual(plainValue(first!.rep), { double: 20 });
    assert.ok(second!.timestamp >= before && second!.timestamp <= Date.now());
    assert.deepEqual(JSON.parse(JSON.stringify({ ...second, timestamp: 0 })), {
      ticket: 'unset',
      observationId: token,
      serverId: gateway.gatewayId,
      ep: 'plain',
      path: '/3303/0/5700',
      timestamp: 0,
      rep: {
        code: 'CONTENT',
        kind: 'observe',
        body: {
          [READ_BODY]: {
            content: {
              [SINGLE]: {
                id: 5700,
                path: '/3303/0/5700',
                kind: 'SINGLE_RESOURCE',
                type: 'FLOAT',
                value: { double: 21.5 },
              },
            },
          },
        },
      },
      seq: { long: 2 * 65536 + messageIdOf(sent) },
    });
  });

  it('makes one record of a notification that comes twice, before and after its ACK', async () => {
    const { device, token } = await observed('twice');
    const sent = notification(token, 2, '1');
    device.send(sent);
    device.send(sent);
    const answer = await device.receive();
    assert.deepEqual(await device.exchange(sent), answer);
    await device.exchange(notification(token, 3, '2'));
    await countOf('twice', 3);
    assert.deepEqual(
      recordsOf('twice').map(({ rep }) => plainValue(rep)),
      [{ double: 20 }, { double: 1 }, { double: 2 }],
    );
  });

  it('records a non-confirmable notification without an answer', async () => {
    const { device, token } = await observed('non');
    const options = [
      [OBSERVE, 2],
      [CONTENT_FORMAT, 0],
    ] as const;
    device.send(raw({ type: 'NON', code: '2.05', token, messageId: messageId++, options, payload: '3' }));
    await countOf('non', 2);
    await device.expectSilence();
  });

  it('resets a notification with a token that nobody gave', async () => {
    const { device } = await observed('stranger');
    const sent = notification('0123456789abcdef', 2, '1');
    const answer = await device.exchange(sent);
    assert.deepEqual([typeOf(answer), messageIdOf(answer)], ['RST', messageIdOf(sent)]);
  });

  it('resets a notification from another address and records nothing of it', async () => {
    const { token } = await observed('spoofed');
    const thief = await open();
    assert.equal(typeOf(await thief.exchange(notification(token, 9, '99'))), 'RST');
    await thief.expectSilence();
    assert.equal(recordsOf('spoofed').length, 1);
  });

  it('keeps observations when a device moves to a new port, and asks it there', async () => {
    const { token, id } = await observed('nat');
    const moved = await open();
    const update = raw({
      code: '0.02',
      messageId: messageId++,
      options: [
        [URI_PATH, 'rd'],
        [URI_PATH, id],
      ],
    });
    assert.equal(codeOf(await moved.exchange(update)), '2.04');
    assert.equal(typeOf(await moved.exchange(notification(token, 2, '7'))), 'ACK');
    await countOf('nat', 2);
    await gateway.command({
      serverId: gateway.gatewayId,
      ep: 'nat',
      ticket: 'after-move',
      payload: { kind: 'read', path: '/3303/0/5700', contentFormat: 'TEXT_CODE', body: null },
    });
    const request = await moved.receive(4_000);
    assert.equal(codeOf(request), '0.01');
    const options = [[CONTENT_FORMAT, 0]] as const;
    const ids = { token: tokenOf(request), messageId: messageIdOf(request) };
    moved.send(raw({ type: 'ACK', code: '2.05', ...ids, options, payload: '8' }));
    await eventually('the reply', () => replies.some(({ value }) => value?.ticket === 'after-move'));
    assert.deepEqual(plainValue(replies.find(({ value }) => value?.ticket === 'after-move')!.value!.rep), {
      double: 8,
    });
  });

  it('takes up again what was reset while the device had moved without a word', async () => {
    const { token, id } = await observed('nat-late');
    const moved = await open();
    assert.equal(typeOf(await moved.exchange(notification(token, 2, '7'))), 'RST');
    moved.send(
      raw({
        code: '0.02',
        messageId: messageId++,
        options: [
          [URI_PATH, 'rd'],
          [URI_PATH, id],
        ],
      }),
    );
    assert.equal(codeOf(await moved.receive()), '2.04');
    assert.equal(await takeUp(moved, '7.5', 5), token);
    await countOf('nat-late', 2);
    assert.deepEqual(plainValue(recordsOf('nat-late')[1]!.rep), { double: 7.5 });
    assert.equal(typeOf(await moved.exchange(notification(token, 6, '8'))), 'ACK');
  });

  it('ends an observation at an error notification, with a record', async () => {
    const { device, token } = await observed('ended');
    const options = [] as const;
    const sent = raw({ type: 'CON', code: '4.04', token, messageId: messageId++, options, payload: 'gone' });
    assert.equal(typeOf(await device.exchange(sent)), 'ACK');
    await countOf('ended', 2);
    const [, last] = recordsOf('ended');
    assert.equal(last!.rep.code, 'NOT_FOUND');
    assert.equal(messageOf(last!.rep), 'gone');
    assert.equal((await gateway.state()).has('observation/ended /3303/0/5700'), false);
    assert.equal(typeOf(await device.exchange(notification(token, 3, '1'))), 'RST');
  });

  it('records content that cannot be read with the reason, and acknowledges it', async () => {
    const { device, token } = await observed('garbage');
    const unreadable: [string, number][] = [
      ['not a number', 0],
      ['\u00c1\u0001', 11542],
      ['{}', 11543],
      ['x', 65000],
      ['x', 42],
    ];
    for (const [index, [payload, format]] of unreadable.entries()) {
      assert.equal(typeOf(await device.exchange(notification(token, index + 2, payload, format))), 'ACK', payload);
    }
    await countOf('garbage', 1 + unreadable.length);
    for (const { rep } of recordsOf('garbage').slice(1)) {
      assert.equal(rep.code, 'UNKNOWN');
      assert.match(messageOf(rep), /^LWM2M_[A-Z_]+: /);
    }
    assert.equal(typeOf(await device.exchange(notification(token, 20, '5'))), 'ACK');
  });

  it('fetches the rest of a notification that comes in blocks', async () => {
    const device = await open();
    await register(device, 'blocks', '</3/0>');
    await gateway.command({
      serverId: gateway.gatewayId,
      ep: 'blocks',
      ticket: 'big',
      payload: { kind: 'observe', path: '/3/0/0', contentFormat: 'TEXT_CODE', body: null },
    });
    const token = await takeUp(device, 'short');
    await eventually('the reply', () => replies.some(({ value }) => value?.ticket === 'big'));
    const text = 'abcdefghijklmnop'.repeat(6);
    const first = raw({
      type: 'CON',
      code: '2.05',
      token,
      messageId: messageId++,
      options: [
        [OBSERVE, 2],
        [CONTENT_FORMAT, 0],
        [BLOCK2, 8 | 2],
      ],
      payload: text.slice(0, 64),
    });
    const rest = await device.exchange(first);
    assert.equal(codeOf(rest), '0.01');
    assert.equal(optionsOf(rest).has(OBSERVE), false);
    assert.deepEqual(optionsOf(rest).get(URI_PATH)!.map(String), ['3', '0', '0']);
    const ids = { token: tokenOf(rest), messageId: messageIdOf(rest) };
    const options = [
      [CONTENT_FORMAT, 0],
      [BLOCK2, (1 << 4) | 2],
    ] as const;
    const acknowledged = await device.exchange(
      raw({ type: 'ACK', code: '2.05', ...ids, options, payload: text.slice(64) }),
    );
    assert.deepEqual([typeOf(acknowledged), messageIdOf(acknowledged)], ['ACK', messageIdOf(first)]);
    await countOf('blocks', 1);
    assert.deepEqual(plainValue(recordsOf('blocks')[0]!.rep), { string: text });
    assert.equal(recordsOf('blocks')[0]!.ticket, 'big');
  });

  it('drops the observations of a registration that was replaced', async () => {
    const { device, token } = await observed('replaced');
    await register(device, 'replaced', '</3/0>');
    assert.equal(typeOf(await device.exchange(notification(token, 2, '1'))), 'RST');
    assert.equal((await gateway.state()).has('observation/replaced /3303/0/5700'), false);
  });

  it('keeps the newer observation when the answer to an older one comes after a new registration', async () => {
    const device = await open();
    await register(device, 'race');
    const late = await device.receive(4_000);
    await register(device, 'race');
    const answered = raw({
      type: 'ACK',
      code: '2.05',
      token: tokenOf(late),
      messageId: messageIdOf(late),
      options: [
        [OBSERVE, 1],
        [CONTENT_FORMAT, 0],
      ],
      payload: '1',
    });
    device.send(answered);
    const token = await takeUp(device, '2');
    assert.notEqual(token, tokenOf(late));
    await countOf('race', 1);
    assert.equal(typeOf(await device.exchange(notification(token, 2, '3'))), 'ACK');
    assert.equal(typeOf(await device.exchange(notification(tokenOf(late), 2, '3'))), 'RST');
    const kept = (await gateway.state()).get('observation/race /3303/0/5700')!.body as Record<
      string,
      { token: Buffer }
    >;
    assert.equal(kept['io.zeelos.lwm2m.state.ObservationState']!.token.toString('hex'), token);
  });
});
