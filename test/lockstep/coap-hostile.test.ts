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
const BLOCK2 = 23;
const BLOCK1 = 27;
const ECHO = 252;
const NO_RESPONSE = 258;

describe('CoAP, what hostile and careless peers send', () => {
  let endpoint: CoapEndpoint;
  let peer: RawPeer;
  let requests: CoapRequest[];
  let handle: (request: CoapRequest, respond: Respond) => void;

  beforeEach(async () => {
    requests = [];
    handle = (_request, respond) => respond({ code: '2.04' });
    endpoint = await CoapEndpoint.open({
      limits: { ackTimeoutMs: 40, separateAfterMs: 30, bodyBytes: 4096, transferIdleMs: 400, transfersPerPeer: 3 },
      onRequest: (request, respond) => {
        requests.push(request);
        handle(request, respond);
      },
      onNotification: (notification) => notification.reject(),
    });
    peer = await RawPeer.open(endpoint.localPort);
  });
  afterEach(async () => {
    await peer.close();
    await endpoint.close();
  });

  describe('an address that nothing proves gets no reply above three times its request', () => {
    const get = (messageId: number, more: readonly RawOption[] = []): Buffer =>
      raw({ code: '0.01', messageId, token: '01', options: [[URI_PATH, 'long'], ...more] });

    it('a long answer becomes 4.01 with a challenge; with its Echo the request is answered, and so are later ones', async () => {
      handle = (_request, respond) => respond({ code: '2.05', payload: Buffer.alloc(900, 'x') });
      const request = get(1);
      const challenge = await peer.exchange(request);
      assert.equal(codeOf(challenge), '4.01');
      assert.ok(challenge.length <= request.length * 3);
      assert.equal(endpoint.counters.repliesCut, 1);
      const echo = optionsOf(challenge).get(ECHO)![0]!;
      assert.equal(payloadOf(await peer.exchange(get(2, [[ECHO, echo]]))).length, 900);
      assert.equal(payloadOf(await peer.exchange(get(3))).length, 900);
    });

    it('the Echo of another address proves nothing', async () => {
      handle = (_request, respond) => respond({ code: '2.05', payload: Buffer.alloc(900, 'x') });
      const other = await RawPeer.open(endpoint.localPort);
      const echo = optionsOf(await other.exchange(get(1))).get(ECHO)![0]!;
      assert.equal(codeOf(await peer.exchange(get(1, [[ECHO, echo]]))), '4.01');
      await other.close();
    });

    it('a refusal loses its text', async () => {
      handle = (_request, respond) => respond({ code: '4.00', payload: Buffer.alloc(200, 'x') });
      const answer = await peer.exchange(get(1));
      assert.deepEqual([codeOf(answer), payloadOf(answer)], ['4.00', '']);
    });

    it('the first block of a long answer counts too, and a request of four bytes gets at most twelve', async () => {
      handle = (_request, respond) => respond({ code: '2.05', payload: Buffer.alloc(3_000, 'x') });
      assert.equal(codeOf(await peer.exchange(get(1, [[BLOCK2, 6]]))), '4.01');
      const answer = await peer.exchange(raw({ code: '0.01', messageId: 2 }));
      assert.ok(answer.length <= 12, `${answer.length}`);
      assert.ok(optionsOf(answer).has(ECHO));
    });

    it('all copies of a separate response together count', async () => {
      let respondLate: Respond | undefined;
      handle = (_request, respond) => {
        respondLate = respond;
      };
      const request = get(1);
      assert.equal(typeOf(await peer.exchange(request)), 'ACK');
      respondLate?.({ code: '2.05', payload: Buffer.from('z'.repeat(12)) });
      const copies = [await peer.receive()];
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.equal(copies[0]!.length * 2 <= request.length * 3, false, 'two copies would be too much');
      await peer.expectSilence(10);
    });
  });

  it('challenges a late answer with a non-confirmable message, which is not repeated (RFC 9175 §2.4)', async () => {
    let respondLate: Respond | undefined;
    handle = (_request, respond) => {
      respondLate = respond;
    };
    assert.equal(typeOf(await peer.exchange(raw({ code: '0.01', messageId: 1, token: '01' }))), 'ACK');
    respondLate?.({ code: '2.05', payload: Buffer.alloc(100, 'z') });
    const challenge = await peer.receive();
    assert.deepEqual([typeOf(challenge), codeOf(challenge), tokenOf(challenge)], ['NON', '4.01', '01']);
    await peer.expectSilence(150);
  });

  describe('No-Response, RFC 7967', () => {
    const post = (messageId: number, type: 'CON' | 'NON', value: number): Buffer =>
      raw({ type, code: '0.02', messageId, token: '01', options: [[NO_RESPONSE, value]] });

    it('a non-confirmable request gets nothing of the classes it names, a confirmable one its empty ACK', async () => {
      peer.send(post(1, 'NON', 2));
      await peer.expectSilence();
      const acknowledged = await peer.exchange(post(2, 'CON', 2));
      assert.equal(acknowledged.toString('hex'), '60000002');
      assert.equal((await peer.exchange(post(2, 'CON', 2))).toString('hex'), '60000002', 'the duplicate too');
      assert.equal(endpoint.counters.unwantedResponses, 2);
      assert.equal(requests.length, 2);
    });

    it('other classes are answered', async () => {
      assert.equal(codeOf(await peer.exchange(post(1, 'NON', 24))), '2.04');
      handle = (_request, respond) => respond({ code: '4.04' });
      assert.equal(codeOf(await peer.exchange(post(2, 'NON', 18))), '4.04');
      peer.send(post(3, 'NON', 8));
      await peer.expectSilence();
    });
  });

  for (const [name, number] of [
    ['If-Match', 1],
    ['If-None-Match', 5],
    ['OSCORE', 9],
    ['Hop-Limit that nobody forwards', 16],
  ] as const) {
    const critical = number % 2 === 1;
    it(`${name}: ${critical ? '4.02, it is critical and not understood' : 'ignored'}`, async () => {
      const answer = await peer.exchange(
        raw({ code: '0.03', messageId: 1, options: [[number, number === 5 ? '' : 'x']] }),
      );
      assert.equal(codeOf(answer), critical ? '4.02' : '2.04');
    });
  }

  it('tokens of 0 to 8 bytes come back as they were', async () => {
    for (let length = 0; length <= 8; length++) {
      const token = 'ab'.repeat(length);
      assert.equal(tokenOf(await peer.exchange(raw({ code: '0.02', messageId: length, token }))), token);
    }
  });

  describe('block-wise abuse', () => {
    const block = (number: number, more: boolean, exponent: number): number => number * 16 + (more ? 8 : 0) + exponent;
    const put = (messageId: number, path: string, value: number, bytes: number): Buffer =>
      raw({
        code: '0.03',
        messageId,
        token: messageId.toString(16).padStart(4, '0'),
        options: [
          [URI_PATH, path],
          [BLOCK1, value],
        ],
        payload: 'x'.repeat(bytes),
      });

    it('ten thousand first blocks hold no more than the limit, and it all goes away', async function () {
      this.timeout(20_000);
      for (let i = 0; i < 10_000; i++) {
        await peer.exchange(put(i, `p${i}`, block(0, true, 0), 16));
      }
      assert.ok(endpoint.held.transfers <= 3);
      assert.ok(endpoint.counters.refusedTransfers > 9_000);
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.equal(endpoint.held.transfers, 0);
    });

    it('blocks of two bodies to one path with other tokens do not mix: the gap is answered 4.08', async () => {
      assert.equal(codeOf(await peer.exchange(put(1, 'p', block(0, true, 0), 16))), '2.31');
      assert.equal(codeOf(await peer.exchange(put(2, 'p', block(1, true, 0), 16))), '2.31');
      assert.equal(codeOf(await peer.exchange(put(3, 'p', block(0, true, 0), 16))), '2.31', 'begins anew');
      assert.equal(codeOf(await peer.exchange(put(4, 'p', block(2, false, 0), 4))), '4.08');
      assert.equal(requests.length, 0);
    });

    it('a body that never ends is refused at the limit', async () => {
      const codes = new Set<string>();
      for (let i = 0; i < 6; i++) codes.add(codeOf(await peer.exchange(put(i, 'p', block(i, true, 6), 1_024))));
      assert.deepEqual([...codes], ['2.31', '4.13']);
    });

    it('a size that grows in the middle is taken by its offset', async () => {
      assert.equal(codeOf(await peer.exchange(put(1, 'p', block(0, true, 0), 16))), '2.31');
      assert.equal(codeOf(await peer.exchange(put(2, 'p', block(1, true, 0), 16))), '2.31');
      assert.equal(codeOf(await peer.exchange(put(3, 'p', block(1, false, 1), 20))), '2.04');
      assert.equal(requests[0]?.payload.length, 52);
    });
  });

  it('non-confirmable notifications to a peer that stays silent become confirmable', async () => {
    const to = udpPeer('127.0.0.1', peer.port);
    const types: string[] = [];
    const notify = () =>
      endpoint.notify(to, {
        token: Buffer.from([1]),
        observe: types.length,
        confirmable: false,
        payload: Buffer.alloc(500),
        path: ['3'],
      });
    for (let i = 0; i < 6 && !types.includes('CON'); i++) {
      notify().catch(() => undefined);
      const received = await peer.receive();
      types.push(typeOf(received));
      if (typeOf(received) === 'CON') peer.send(raw({ type: 'ACK', code: '0.00', messageId: messageIdOf(received) }));
    }
    assert.deepEqual(types, ['NON', 'NON', 'NON', 'NON', 'NON', 'CON']);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(await notify(), 'sent', 'it was heard: the count begins anew');
  });
});
