import assert from 'node:assert/strict';
import { CoapEndpoint, type CoapRequest, type Respond } from '../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../lwm2m/coap/transport.ts';
import {
  codeOf,
  messageIdOf,
  optionsOf,
  payloadOf,
  type RawOption,
  RawPeer,
  raw,
  tokenOf,
  typeOf,
} from './coap-raw-peer.ts';

const URI_PATH = 11;
const BLOCK1 = 27;
const BLOCK2 = 23;
const SIZE1 = 60;
const ETAG = 4;

/** Block value by RFC 7959 §2.2, exponent from the size. */
const block = (number: number, more: boolean, sizeBytes: number): number =>
  number * 16 + (more ? 8 : 0) + Math.log2(sizeBytes) - 4;

describe('CoAP requests, datagram by datagram', () => {
  let endpoint: CoapEndpoint;
  let peer: RawPeer;
  let requests: CoapRequest[];
  let handle: (request: CoapRequest, respond: Respond) => void;

  beforeEach(async () => {
    requests = [];
    handle = (_request, respond) => respond({ code: '2.04' });
    endpoint = await CoapEndpoint.open({
      limits: { ackTimeoutMs: 40, separateAfterMs: 40, bodyBytes: 4096, transferIdleMs: 400, transfersPerPeer: 2 },
      onRequest: (request, respond) => {
        requests.push(request);
        return handle(request, respond);
      },
      onNotification: (notification) => notification.reject(),
    });
    peer = await RawPeer.open(endpoint.localPort);
  });

  afterEach(async () => {
    await peer.close();
    await endpoint.close();
  });

  it('answers a ping with a reset of the same message id', async () => {
    assert.equal((await peer.exchange(Buffer.from('40001234', 'hex'))).toString('hex'), '70001234');
    assert.equal(endpoint.counters.pingsIn, 1);
  });

  it('piggybacks the response with token and message id', async () => {
    handle = (_request, respond) => respond({ code: '2.05', payload: Buffer.from('22.3 C') });
    const answer = await peer.exchange(
      raw({ code: '0.01', messageId: 0x7d35, token: '20', options: [[URI_PATH, 'temperature']] }),
    );
    assert.equal(answer.toString('hex'), `61457d3520ff${Buffer.from('22.3 C').toString('hex')}`);
    assert.deepEqual(requests[0]?.path, ['temperature']);
  });

  it('handles a repeated confirmable request once and repeats the same bytes', async () => {
    let count = 0;
    handle = (_request, respond) => respond({ code: '2.01', locationPath: ['rd', String(++count)] });
    const post = raw({ code: '0.02', messageId: 7, token: 'aa', options: [[URI_PATH, 'rd']] });
    const first = await peer.exchange(post);
    const second = await peer.exchange(post);
    assert.deepEqual(second, first);
    assert.equal(requests.length, 1);
    assert.equal(endpoint.counters.duplicates, 1);
  });

  it('takes other bytes under the same message id for a new request: the device restarted', async () => {
    await peer.exchange(raw({ code: '0.02', messageId: 7, token: 'aa' }));
    await peer.exchange(raw({ code: '0.02', messageId: 7, token: 'bb' }));
    assert.equal(requests.length, 2);
  });

  it('keeps the same message id of two peers apart', async () => {
    const other = await RawPeer.open(endpoint.localPort);
    const post = raw({ code: '0.02', messageId: 7, token: 'aa' });
    await peer.exchange(post);
    await other.exchange(post);
    assert.equal(requests.length, 2);
    await other.close();
  });

  it('absorbs a duplicate while the handler works, then answers separately', async () => {
    let respondLate: Respond | undefined;
    handle = (_request, respond) => {
      respondLate = respond;
    };
    const post = raw({ code: '0.02', messageId: 8, token: 'ab' });
    peer.send(post);
    peer.send(post);
    assert.equal((await peer.receive()).toString('hex'), '60000008');
    assert.equal(requests.length, 1);
    respondLate?.({ code: '2.04' });
    const separate = await peer.receive();
    assert.deepEqual([typeOf(separate), codeOf(separate), tokenOf(separate)], ['CON', '2.04', 'ab']);
    const repeated = await peer.receive();
    assert.deepEqual(repeated, separate, 'not acknowledged, so it is retransmitted');
    peer.send(raw({ type: 'ACK', code: '0.00', messageId: messageIdOf(separate) }));
    await peer.expectSilence(150);
    assert.equal((await peer.exchange(post)).toString('hex'), '60000008', 'a late duplicate gets the empty ACK');
  });

  it('answers a non-confirmable request non-confirmably and its duplicate not at all', async () => {
    const post = raw({ type: 'NON', code: '0.02', messageId: 9, token: 'ac' });
    const answer = await peer.exchange(post);
    assert.deepEqual([typeOf(answer), codeOf(answer), tokenOf(answer)], ['NON', '2.04', 'ac']);
    peer.send(post);
    await peer.expectSilence();
    assert.equal(requests.length, 1);
  });

  it('answers 5.00 without a word when the handler throws or rejects', async () => {
    handle = () => {
      throw new Error('a secret');
    };
    const thrown = await peer.exchange(raw({ code: '0.02', messageId: 10, token: 'ad' }));
    assert.equal(thrown.toString('hex'), '61a0000aad');
    handle = (async () => Promise.reject(new Error('a secret'))) as unknown as typeof handle;
    const rejected = await peer.exchange(raw({ code: '0.02', messageId: 11, token: 'ad' }));
    assert.equal(rejected.toString('hex'), '61a0000bad');
    assert.equal(endpoint.counters.handlerFailures, 2);
  });

  it('answers 5.00 when the handler gives what cannot be sent', async () => {
    handle = (_request, respond) => respond({ code: '99' });
    assert.equal(codeOf(await peer.exchange(raw({ code: '0.02', messageId: 12 }))), '5.00');
  });

  describe('refuses', () => {
    const refusals: readonly [string, readonly RawOption[], string][] = [
      ['an unknown critical option', [[9999, 'x']], '4.02'],
      ['If-Match, which it cannot honour', [[1, 'etag']], '4.02'],
      [
        'a repeated option that may not be',
        [
          [17, 0],
          [17, 1],
        ],
        '4.02',
      ],
      ['a critical option of a wrong length', [[17, Buffer.of(1, 2, 3)]], '4.02'],
      [
        'a path segment ..',
        [
          [URI_PATH, 'rd'],
          [URI_PATH, '..'],
        ],
        '4.02',
      ],
      ['a path that is no UTF-8', [[URI_PATH, Buffer.of(0xff)]], '4.02'],
      ['the reserved block size', [[BLOCK1, 7]], '4.00'],
      ['to be a proxy', [[35, 'coap://example.org/']], '5.05'],
    ];
    for (const [what, options, code] of refusals) {
      it(`${what}: ${code}`, async () => {
        const answer = await peer.exchange(raw({ code: '0.03', messageId: 20, token: '0102', options }));
        assert.deepEqual([typeOf(answer), codeOf(answer), tokenOf(answer)], ['ACK', code, '0102']);
        assert.equal(requests.length, 0);
      });
    }

    it('an unknown method: 4.05', async () => {
      assert.equal(codeOf(await peer.exchange(raw({ code: '0.31', messageId: 21 }))), '4.05');
    });

    it('a non-confirmable request with an unknown critical option in silence', async () => {
      peer.send(raw({ type: 'NON', code: '0.01', messageId: 22, options: [[9999, 'x']] }));
      await peer.expectSilence();
    });

    it('nothing elective: unknown, too long or repeated, it is ignored', async () => {
      const options = [
        [6, Buffer.of(1, 2, 3, 4)],
        [14, 1],
        [14, 2],
        [9998, 'x'],
      ] as const;
      assert.equal(codeOf(await peer.exchange(raw({ code: '0.01', messageId: 23, options }))), '2.04');
      assert.equal(requests[0]?.observe, undefined);
    });
  });

  describe('malformed datagrams', () => {
    const silent: readonly [string, string][] = [
      ['empty', ''],
      ['three bytes', '400100'],
      ['version 0', '00010001'],
      ['version 2', '80010001'],
      ['version 3', 'c0010001'],
      ['NON, token length 9', '590100010102030405060708aa'],
      ['NON, marker without payload', '50010001ff'],
      ['NON, empty with content', '5000000101'],
      ['ACK, option past the end', '6001000145'],
      ['RST, token past the end', '7101'.padEnd(8, '0')],
      ['NON, empty', '50000001'],
      ['ACK of nothing', '60000001'],
      ['RST of nothing', '70000001'],
      ['RST with a code', '70450001'],
    ];
    for (const [what, hex] of silent) {
      it(`${what}: silence`, async () => {
        peer.send(Buffer.from(hex, 'hex'));
        await peer.expectSilence(30);
        assert.equal((await peer.exchange(Buffer.from('40001234', 'hex'))).toString('hex'), '70001234');
      });
    }

    const reset: [string, string][] = [
      ['token past the end', '44010001'],
      ['empty with content', '40000001ff'],
      ['empty with a token', '4100000101'],
      ['marker without payload', '40010001ff'],
      ['option length past the end', '4001000145'],
      ['option extension past the end', '40010001d0'],
      ['16-bit extension past the end', '40010001e001'],
      ['delta 15', '40010001f0'],
      ['length 15', '400100010f'],
      ['option numbers beyond 65535', '40010001e0ffffe0ffff'],
      ['code class 1', '40200001'],
      ['code class 7', '40e10001'],
    ];
    for (let length = 9; length <= 15; length++)
      reset.push([`token length ${length}`, `4${length.toString(16)}010001${'11'.repeat(length)}`]);
    for (const [what, hex] of reset) {
      it(`confirmable, ${what}: reset`, async () => {
        const answer = await peer.exchange(Buffer.from(hex, 'hex'));
        assert.equal(answer.toString('hex'), '70000001');
        assert.equal(endpoint.counters.malformed, 1);
        assert.equal(requests.length, 0);
      });
    }

    it('more options than any message has: reset', async () => {
      const answer = await peer.exchange(Buffer.from(`40010001${'00'.repeat(2000)}`, 'hex'));
      assert.equal(answer.toString('hex'), '70000001');
    });
  });

  describe('block-wise bodies', () => {
    beforeEach(() => endpoint.trust(udpPeer('127.0.0.1', peer.port)));

    const put = (
      messageId: number,
      value: number,
      payload: string,
      more: readonly (readonly [number, number])[] = [],
    ): Buffer =>
      raw({
        code: '0.03',
        messageId,
        token: messageId.toString(16).padStart(4, '0'),
        options: [[URI_PATH, 'options'], [BLOCK1, value], ...more],
        payload,
      });

    it('puts blocks together although each has a token of its own, RFC 7959 §3.2', async () => {
      const body = 'a'.repeat(128) + 'b'.repeat(128) + 'c'.repeat(44);
      const first = await peer.exchange(put(1234, block(0, true, 128), body.slice(0, 128)));
      assert.deepEqual([codeOf(first), optionsOf(first).get(BLOCK1)?.[0]], ['2.31', Buffer.from([0x0b])]);
      assert.equal(codeOf(await peer.exchange(put(1235, block(1, true, 128), body.slice(128, 256)))), '2.31');
      const last = await peer.exchange(put(1236, block(2, false, 128), body.slice(256)));
      assert.deepEqual([codeOf(last), optionsOf(last).get(BLOCK1)?.[0]], ['2.04', Buffer.from([0x23])]);
      assert.deepEqual(
        requests.map((r) => r.payload.toString()),
        [body],
      );
      assert.equal(endpoint.held.transfers, 0);
    });

    it('takes a repeated block in its stride', async () => {
      const blocks = ['a'.repeat(16), 'b'.repeat(16), 'c'];
      await peer.exchange(put(1, block(0, true, 16), blocks[0]!));
      await peer.exchange(put(2, block(1, true, 16), blocks[1]!));
      assert.equal(codeOf(await peer.exchange(put(2, block(1, true, 16), blocks[1]!))), '2.31');
      assert.equal(codeOf(await peer.exchange(put(3, block(2, false, 16), blocks[2]!))), '2.04');
      assert.equal(codeOf(await peer.exchange(put(3, block(2, false, 16), blocks[2]!))), '2.04');
      assert.deepEqual(
        requests.map((r) => r.payload.toString()),
        [blocks.join('')],
      );
    });

    it('answers 4.08 to a gap', async () => {
      await peer.exchange(put(1, block(0, true, 16), 'a'.repeat(16)));
      assert.equal(codeOf(await peer.exchange(put(2, block(2, true, 16), 'c'.repeat(16)))), '4.08');
      assert.equal(codeOf(await peer.exchange(put(3, block(5, false, 16), 'd'))), '4.08');
      assert.equal(requests.length, 0);
    });

    it('answers 4.13 with Size1 to a body above the limit, announced or not', async () => {
      const announced = await peer.exchange(put(1, block(0, true, 16), 'a'.repeat(16), [[SIZE1, 2 ** 32 - 1]]));
      assert.deepEqual([codeOf(announced), optionsOf(announced).get(SIZE1)?.[0]], ['4.13', Buffer.from([0x10, 0])]);
      assert.equal(codeOf(await peer.exchange(put(2, block(2 ** 20 - 1, true, 16), 'a'.repeat(16)))), '4.13');
    });

    it('answers 4.00 to a block of the wrong size', async () => {
      assert.equal(codeOf(await peer.exchange(put(1, block(0, true, 16), 'short'))), '4.00');
    });

    it('answers 5.03 at the limit of transfers, and takes new ones after the idle time', async () => {
      const begin = (messageId: number, path: string): Promise<Buffer> =>
        peer.exchange(
          raw({
            code: '0.03',
            messageId,
            options: [
              [URI_PATH, path],
              [BLOCK1, block(0, true, 16)],
            ],
            payload: 'a'.repeat(16),
          }),
        );
      assert.equal(codeOf(await begin(1, 'a')), '2.31');
      assert.equal(codeOf(await begin(2, 'b')), '2.31');
      assert.equal(codeOf(await begin(3, 'c')), '5.03');
      await new Promise((resolve) => setTimeout(resolve, 600));
      assert.equal(codeOf(await begin(4, 'c')), '2.31');
    });

    it('serves a long response block by block with one ETag, the handler called once', async () => {
      const body = `${'x'.repeat(1024)}${'y'.repeat(1024)}z`;
      handle = (_request, respond) => respond({ code: '2.05', payload: Buffer.from(body), contentFormat: 0 });
      const get = (messageId: number, value?: number): Promise<Buffer> =>
        peer.exchange(
          raw({
            code: '0.01',
            messageId,
            token: '01',
            options: [[URI_PATH, 'fw'], ...(value === undefined ? [] : [[BLOCK2, value] as const])],
          }),
        );
      const answers = [await get(1), await get(2, block(1, false, 1024)), await get(3, block(2, false, 1024))];
      assert.equal(answers.map(payloadOf).join(''), body);
      assert.deepEqual(
        answers.map((a) => optionsOf(a).get(BLOCK2)?.[0]?.toString('hex')),
        ['0e', '1e', '26'],
      );
      assert.equal(new Set(answers.map((a) => optionsOf(a).get(ETAG)?.[0]?.toString('hex'))).size, 1);
      assert.equal(requests.length, 1);
      assert.equal(codeOf(await get(4, block(9, false, 1024))), '4.00', 'beyond the end');
    });

    it('serves smaller blocks when asked, RFC 7959 figure 3', async () => {
      handle = (_request, respond) => respond({ code: '2.05', payload: Buffer.from('x'.repeat(100)) });
      const answer = await peer.exchange(
        raw({
          code: '0.01',
          messageId: 1,
          options: [
            [URI_PATH, 's'],
            [BLOCK2, block(0, false, 64)],
          ],
        }),
      );
      assert.deepEqual([payloadOf(answer).length, optionsOf(answer).get(BLOCK2)?.[0]], [64, Buffer.from([0x0a])]);
    });

    it('answers 4.08 to a later block of a POST that it no longer has', async () => {
      assert.equal(
        codeOf(
          await peer.exchange(
            raw({
              code: '0.02',
              messageId: 1,
              options: [
                [URI_PATH, 's'],
                [BLOCK2, block(3, false, 64)],
              ],
            }),
          ),
        ),
        '4.08',
      );
    });
  });
});

describe('CoAP request limits', () => {
  it('drops at the total limit what would need a protection, serves GET, and lets a known peer go on', async () => {
    const endpoint = await CoapEndpoint.open({
      limits: { rememberedRequestsTotal: 2 },
      onRequest: (_request, respond) => respond({ code: '2.04' }),
      onNotification: (notification) => notification.reject(),
    });
    const [known, other] = [await RawPeer.open(endpoint.localPort), await RawPeer.open(endpoint.localPort)];
    const post = (messageId: number): Buffer => raw({ code: '0.02', messageId });
    await known.exchange(post(1));
    await known.exchange(post(2));
    other.send(post(1));
    await other.expectSilence();
    assert.equal(endpoint.counters.droppedAtRequestLimit, 1);
    assert.equal(codeOf(await other.exchange(raw({ code: '0.01', messageId: 2 }))), '2.04');
    assert.equal(codeOf(await known.exchange(post(3))), '2.04');
    assert.equal(endpoint.held.requests, 2);
    await Promise.all([known.close(), other.close(), endpoint.close()]);
  });

  it('forgets peers that went away; at the limit newcomers take the places of strangers, and are dropped among proven peers', async () => {
    const endpoint = await CoapEndpoint.open({
      limits: { exchangeLifetimeMs: 200, peers: 50, ackTimeoutMs: 100 },
      onRequest: (_request, respond) => respond({ code: '2.04' }),
      onNotification: (notification) => notification.acknowledge(),
    });
    const peers = await Promise.all(Array.from({ length: 60 }, () => RawPeer.open(endpoint.localPort)));
    for (const [i, peer] of peers.entries()) {
      peer.send(raw({ code: i % 2 === 0 ? '0.02' : '2.05', messageId: i, token: '01' }));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(endpoint.held.peers, 50);
    assert.equal(endpoint.counters.droppedAtPeerLimit, 0);
    for (const peer of peers) endpoint.trust(udpPeer('127.0.0.1', peer.port));
    for (const peer of peers) peer.send(raw({ code: '0.02', messageId: 99 }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(endpoint.held.peers, 50);
    assert.equal(endpoint.counters.droppedAtPeerLimit, 10);
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.deepEqual(endpoint.held, { peers: 0, transmissions: 0, requests: 0, notifications: 0, transfers: 0 });
    await Promise.all([...peers.map((peer) => peer.close()), endpoint.close()]);
  });
});
