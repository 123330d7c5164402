import assert from 'node:assert/strict';
import { type ErrorCode, hasCode } from '../../common/errors.ts';
import { CoapEndpoint } from '../../lwm2m/coap/endpoint.ts';
import { type Peer, udpPeer } from '../../lwm2m/coap/transport.ts';
import { codeOf, messageIdOf, optionsOf, payloadOf, RawPeer, raw, tokenOf, typeOf } from './coap-raw-peer.ts';

const BLOCK1 = 27;
const BLOCK2 = 23;
const ETAG = 4;
const coded = (code: ErrorCode) => (error: unknown) => hasCode(error, code);

describe('CoAP requests of ours, datagram by datagram', () => {
  let endpoint: CoapEndpoint;
  let device: RawPeer;
  let peer: Peer;
  let rejectedNotifications: number;

  beforeEach(async () => {
    rejectedNotifications = 0;
    endpoint = await CoapEndpoint.open({
      limits: { ackTimeoutMs: 30, ackRandomFactor: 1, maxRetransmit: 2, bodyBytes: 4096, outgoingPerPeer: 3 },
      onRequest: (_request, respond) => respond({ code: '4.04' }),
      onNotification: (notification) => {
        rejectedNotifications++;
        notification.reject();
      },
    });
    device = await RawPeer.open(endpoint.localPort);
    peer = udpPeer('127.0.0.1', device.port);
  });
  afterEach(async () => {
    await device.close();
    await endpoint.close();
  });

  const get = (path = 'a', options = {}) => endpoint.request(peer, { method: 'GET', path: [path] }, options);
  const ackFor = (request: Buffer, code = '2.05', payload = 'ok'): Buffer =>
    raw({ type: 'ACK', code, messageId: messageIdOf(request), token: tokenOf(request), payload });
  const emptyAckFor = (request: Buffer): Buffer => raw({ type: 'ACK', code: '0.00', messageId: messageIdOf(request) });

  it('takes a piggybacked response', async () => {
    const response = get('temperature');
    const request = await device.receive();
    assert.deepEqual([typeOf(request), codeOf(request), tokenOf(request).length], ['CON', '0.01', 16]);
    device.send(ackFor(request));
    assert.deepEqual([(await response).code, String((await response).payload)], ['2.05', 'ok']);
    assert.equal(endpoint.held.transmissions, 0);
  });

  it('takes a separate response, acknowledges it and its duplicate', async () => {
    const response = get();
    const request = await device.receive();
    device.send(emptyAckFor(request));
    const separate = raw({ code: '2.05', messageId: 0xad7b, token: tokenOf(request), payload: '22.3 C' });
    assert.equal((await device.exchange(separate)).toString('hex'), '6000ad7b');
    assert.equal(String((await response).payload), '22.3 C');
    assert.equal((await device.exchange(separate)).toString('hex'), '6000ad7b');
    assert.equal(rejectedNotifications, 0);
  });

  it('takes a response before the acknowledgement for both', async () => {
    const response = get();
    const request = await device.receive();
    device.send(raw({ type: 'NON', code: '2.05', messageId: 1, token: tokenOf(request) }));
    assert.equal((await response).code, '2.05');
    await device.expectSilence(80);
  });

  it('retransmits the same bytes, doubling the wait, then gives up with COAP_TIMEOUT', async () => {
    const started = performance.now();
    const response = assert.rejects(get(), coded('COAP_TIMEOUT'));
    const datagrams = [await device.receive(), await device.receive(), await device.receive()];
    assert.deepEqual(datagrams[1], datagrams[0]);
    assert.deepEqual(datagrams[2], datagrams[0]);
    await response;
    assert.ok(performance.now() - started >= 30 + 60 + 120);
    assert.equal(endpoint.counters.retransmissions, 2);
    await device.expectSilence();
    assert.equal(endpoint.held.transmissions, 0);
  });

  it('gives up after the given time although acknowledged', async () => {
    const response = assert.rejects(get('a', { timeoutMs: 60 }), coded('COAP_TIMEOUT'));
    device.send(emptyAckFor(await device.receive()));
    await response;
  });

  it('fails with COAP_RESET on a reset', async () => {
    const response = assert.rejects(get(), coded('COAP_RESET'));
    device.send(raw({ type: 'RST', code: '0.00', messageId: messageIdOf(await device.receive()) }));
    await response;
  });

  it('sends one at a time and in order: NSTART = 1', async () => {
    const responses = [get('1'), get('2'), get('3')];
    for (const path of ['1', '2', '3']) {
      const request = await device.receive();
      assert.deepEqual(optionsOf(request).get(11)?.map(String), [path]);
      await device.expectSilence(10);
      device.send(ackFor(request, '2.05', path));
    }
    assert.deepEqual(
      (await Promise.all(responses)).map((r) => String(r.payload)),
      ['1', '2', '3'],
    );
  });

  it('counts the message ids up by one', async () => {
    const first = get('1');
    const one = await device.receive();
    device.send(ackFor(one));
    await first;
    const second = get('2');
    const two = await device.receive();
    device.send(ackFor(two));
    await second;
    assert.equal(messageIdOf(two), (messageIdOf(one) + 1) & 0xffff);
  });

  it('lets the next go once the first is acknowledged, though not answered', async () => {
    const first = get('1');
    const second = get('2');
    const one = await device.receive();
    device.send(emptyAckFor(one));
    const two = await device.receive();
    device.send(ackFor(two, '2.05', 'second'));
    assert.equal(String((await second).payload), 'second');
    await device.exchange(raw({ code: '2.05', messageId: 5, token: tokenOf(one), payload: 'first' }));
    assert.equal(String((await first).payload), 'first');
  });

  it('refuses more than the queue holds with COAP_QUEUE_FULL', async () => {
    const outstanding = [get('1'), get('2'), get('3')].map((r) => assert.rejects(r, coded('COAP_CANCELLED')));
    await assert.rejects(get('4'), coded('COAP_QUEUE_FULL'));
    endpoint.forget(peer);
    await Promise.all(outstanding);
    assert.equal(endpoint.held.transmissions, 0);
  });

  it('stops at once when the caller withdraws', async () => {
    const abort = new AbortController();
    const response = assert.rejects(get('a', { signal: abort.signal }), coded('COAP_CANCELLED'));
    await device.receive();
    abort.abort();
    await response;
    await device.expectSilence(80);
  });

  it('cancels what is outstanding when closed', async () => {
    const response = assert.rejects(get(), coded('COAP_CANCELLED'));
    await device.receive();
    await endpoint.close();
    await response;
    await assert.rejects(get(), coded('COAP_CANCELLED'));
  });

  it('ignores answers from another port, with a wrong token or a wrong message id', async () => {
    const response = get();
    const request = await device.receive();
    const spoofer = await RawPeer.open(endpoint.localPort);
    spoofer.send(ackFor(request, '2.05', 'forged'));
    spoofer.send(raw({ type: 'NON', code: '2.05', messageId: 77, token: tokenOf(request), payload: 'forged' }));
    device.send(raw({ type: 'ACK', code: '2.05', messageId: messageIdOf(request), token: 'ffff', payload: 'forged' }));
    device.send(
      raw({
        type: 'ACK',
        code: '2.05',
        messageId: messageIdOf(request) ^ 1,
        token: tokenOf(request),
        payload: 'forged',
      }),
    );
    assert.equal(messageIdOf(await spoofer.receive()), 77, 'the stranger gets a reset from the handler');
    device.send(ackFor(request, '2.05', 'true'));
    assert.equal(String((await response).payload), 'true');
    await spoofer.close();
  });

  it('uses the token that the caller chose', async () => {
    const response = endpoint.request(peer, {
      method: 'GET',
      path: ['3303'],
      observe: 0,
      token: Buffer.from('4a', 'hex'),
    });
    const request = await device.receive();
    assert.equal(tokenOf(request), '4a');
    assert.deepEqual(optionsOf(request).get(6)?.[0], Buffer.alloc(0));
    device.send(
      raw({
        type: 'ACK',
        code: '2.05',
        messageId: messageIdOf(request),
        token: '4a',
        options: [
          [6, 9],
          [14, 15],
        ],
        payload: '18.5 Cel',
      }),
    );
    const { observe, maxAgeSeconds } = await response;
    assert.deepEqual([observe, maxAgeSeconds], [9, 15]);
  });

  it('fails at once on a response with an unknown critical option', async () => {
    const response = assert.rejects(get(), coded('COAP_MALFORMED'));
    const request = await device.receive();
    device.send(
      raw({
        type: 'ACK',
        code: '2.05',
        messageId: messageIdOf(request),
        token: tokenOf(request),
        options: [[9999, 'x']],
      }),
    );
    await response;
  });

  it('pings', async () => {
    const alive = endpoint.ping(peer);
    const ping = await device.receive();
    assert.equal(ping.length, 4);
    device.send(raw({ type: 'RST', code: '0.00', messageId: messageIdOf(ping) }));
    assert.equal(await alive, true);
    assert.equal(await endpoint.ping(peer, 20), false);
  });

  describe('block-wise', () => {
    it('uploads in smaller blocks when asked, RFC 7959 figure 8', async () => {
      const body = 'abcdefgh'.repeat(150);
      const response = endpoint.request(peer, {
        method: 'PUT',
        path: ['fw'],
        contentFormat: 42,
        payload: Buffer.from(body),
      });
      let received = '';
      const numbers: string[] = [];
      for (let last = false; !last; ) {
        const request = await device.receive();
        const value = optionsOf(request).get(BLOCK1)![0]!;
        const bits = value.readUIntBE(0, value.length);
        numbers.push(`${bits >> 4}/${2 ** ((bits & 7) + 4)}`);
        received += payloadOf(request);
        last = (bits & 8) === 0;
        const answered = numbers.length === 1 ? (bits & ~7) | 3 : bits; // from the first answer on: 128 bytes
        device.send(
          raw({
            type: 'ACK',
            code: last ? '2.04' : '2.31',
            messageId: messageIdOf(request),
            token: tokenOf(request),
            options: [[BLOCK1, answered]],
          }),
        );
      }
      assert.equal((await response).code, '2.04');
      assert.equal(received, body);
      assert.deepEqual(numbers, ['0/1024', '8/128', '9/128']);
    });

    it('fails with COAP_BLOCK_FAILED when the device misses blocks', async () => {
      const response = assert.rejects(
        endpoint.request(peer, { method: 'PUT', path: ['fw'], payload: Buffer.alloc(2000) }),
        coded('COAP_BLOCK_FAILED'),
      );
      device.send(ackFor(await device.receive(), '4.08', ''.padEnd(1, 'x')));
      await response;
    });

    it('refuses a body above the limit, either way, with COAP_TOO_LARGE', async () => {
      await assert.rejects(
        endpoint.request(peer, { method: 'PUT', path: ['fw'], payload: Buffer.alloc(5000) }),
        coded('COAP_TOO_LARGE'),
      );
      const response = assert.rejects(get(), coded('COAP_TOO_LARGE'));
      const request = await device.receive();
      device.send(
        raw({
          type: 'ACK',
          code: '2.05',
          messageId: messageIdOf(request),
          token: tokenOf(request),
          options: [
            [BLOCK2, 0x08],
            [28, 5000],
          ],
          payload: 'a'.repeat(16),
        }),
      );
      await response;
    });

    const answerBlock = (request: Buffer, value: number, etag: string, payload: string): void =>
      device.send(
        raw({
          type: 'ACK',
          code: '2.05',
          messageId: messageIdOf(request),
          token: tokenOf(request),
          options: [
            [ETAG, etag],
            [BLOCK2, value],
          ],
          payload,
        }),
      );

    it('downloads a long response', async () => {
      const response = get();
      answerBlock(await device.receive(), 0x08, 'v', 'a'.repeat(16));
      const second = await device.receive();
      assert.deepEqual(optionsOf(second).get(BLOCK2)?.[0], Buffer.from([0x10]));
      answerBlock(second, 0x18, 'v', 'b'.repeat(16));
      answerBlock(await device.receive(), 0x20, 'v', 'c');
      assert.equal(String((await response).payload), `${'a'.repeat(16)}${'b'.repeat(16)}c`);
    });

    it('begins once again when the ETag changes, then fails with COAP_BLOCK_FAILED', async () => {
      const response = get();
      answerBlock(await device.receive(), 0x08, 'v', 'a'.repeat(16));
      answerBlock(await device.receive(), 0x10, 'w', 'b');
      const again = await device.receive();
      assert.deepEqual(optionsOf(again).get(BLOCK2)?.[0], Buffer.alloc(0));
      answerBlock(again, 0x08, 'w', 'c'.repeat(16));
      answerBlock(await device.receive(), 0x10, 'w', 'd');
      assert.equal(String((await response).payload), `${'c'.repeat(16)}d`);

      const failing = assert.rejects(get(), coded('COAP_BLOCK_FAILED'));
      answerBlock(await device.receive(), 0x08, 'v', 'a'.repeat(16));
      answerBlock(await device.receive(), 0x10, 'w', 'b');
      answerBlock(await device.receive(), 0x08, 'w', 'a'.repeat(16));
      answerBlock(await device.receive(), 0x10, 'x', 'b');
      await failing;
    });

    const broken: readonly [string, number, string, string][] = [
      ['a wrong number', 0x20, 'v', 'b'],
      ['a block that is too short', 0x18, 'v', 'b'],
      ['a block that is too long', 0x10, 'v', 'b'.repeat(17)],
    ];
    for (const [what, value, etag, payload] of broken) {
      it(`fails with COAP_BLOCK_FAILED on ${what}`, async () => {
        const response = assert.rejects(get(), coded('COAP_BLOCK_FAILED'));
        answerBlock(await device.receive(), 0x08, 'v', 'a'.repeat(16));
        answerBlock(await device.receive(), value, etag, payload);
        await response;
      });
    }
  });

  describe('notifications of ours', () => {
    const notify = (confirmable: boolean, payload = Buffer.from('19.2 Cel')) =>
      endpoint.notify(peer, {
        token: Buffer.from('4a', 'hex'),
        observe: 16,
        confirmable,
        contentFormat: 0,
        payload,
        path: ['3303'],
      });

    it('are acknowledged or reset', async () => {
      const acknowledged = notify(true);
      const datagram = await device.receive();
      assert.deepEqual([typeOf(datagram), codeOf(datagram), tokenOf(datagram)], ['CON', '2.05', '4a']);
      assert.deepEqual(optionsOf(datagram).get(6)?.[0], Buffer.from([16]));
      device.send(emptyAckFor(datagram));
      assert.equal(await acknowledged, 'acknowledged');
      const reset = notify(true);
      device.send(raw({ type: 'RST', code: '0.00', messageId: messageIdOf(await device.receive()) }));
      assert.equal(await reset, 'reset');
    });

    it('time out when never acknowledged', async () => {
      await assert.rejects(notify(true), coded('COAP_TIMEOUT'));
    });

    it('that are not confirmable report a later reset', async () => {
      const tokens: string[] = [];
      await endpoint.close();
      endpoint = await CoapEndpoint.open({
        onRequest: (_request, respond) => respond({ code: '4.04' }),
        onNotification: (notification) => notification.reject(),
        onNotificationReset: (_peer, token) => tokens.push(token.toString('hex')),
      });
      assert.equal(await notify(false), 'sent');
      const datagram = await device.receive();
      assert.equal(typeOf(datagram), 'NON');
      device.send(raw({ type: 'RST', code: '0.00', messageId: messageIdOf(datagram) }), endpoint.localPort);
      device.send(Buffer.from('40001234', 'hex'), endpoint.localPort);
      await device.receive();
      assert.deepEqual(tokens, ['4a']);
    });

    it('longer than a block leave their rest to be fetched', async () => {
      endpoint.trust(peer);
      const sent = notify(true, Buffer.alloc(1500, 'n'));
      const first = await device.receive();
      assert.equal(payloadOf(first).length, 1024);
      device.send(
        raw({
          code: '0.01',
          messageId: 1,
          token: '01',
          options: [
            [11, '3303'],
            [BLOCK2, 0x16],
          ],
        }),
      );
      const rest = await device.receive();
      assert.deepEqual([codeOf(rest), payloadOf(rest).length, optionsOf(rest).has(6)], ['2.05', 476, false]);
      assert.deepEqual(optionsOf(rest).get(ETAG), optionsOf(first).get(ETAG));
      device.send(emptyAckFor(first));
      assert.equal(await sent, 'acknowledged');
    });
  });
});
