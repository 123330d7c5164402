import assert from 'node:assert/strict';
import { type ErrorCode, hasCode } from '../../common/errors.ts';
import { CoapEndpoint, type TransferProgress } from '../../lwm2m/coap/endpoint.ts';
import { type Peer, udpPeer } from '../../lwm2m/coap/transport.ts';
import { codeOf, messageIdOf, optionsOf, payloadOf, RawPeer, raw, tokenOf } from './coap-raw-peer.ts';

const OBSERVE = 6;
const BLOCK2 = 23;
const BLOCK1 = 27;
const SIZE1 = 60;
const coded = (code: ErrorCode) => (error: unknown) => hasCode(error, code);
const uint = (value: Buffer | undefined): number =>
  value === undefined || value.length === 0 ? 0 : value.readUIntBE(0, value.length);
const blockOf = (datagram: Buffer, option: number): string => {
  const bits = uint(optionsOf(datagram).get(option)?.[0]);
  return `${bits >> 4}/${(bits >> 3) & 1}/${2 ** ((bits & 7) + 4)}`;
};

describe('CoAP transfers of ours, block by block', () => {
  let endpoint: CoapEndpoint;
  let device: RawPeer;
  let peer: Peer;

  beforeEach(async () => {
    endpoint = await CoapEndpoint.open({
      limits: { ackTimeoutMs: 20, ackRandomFactor: 1, maxRetransmit: 1, sourceBytes: 100_000 },
      onRequest: (_request, respond) => respond({ code: '4.04' }),
      onNotification: (notification) => notification.acknowledge(),
      pathOfNotification: () => ({ path: ['x'], method: 'FETCH', payload: Buffer.from('["/3"]'), contentFormat: 110 }),
    });
    device = await RawPeer.open(endpoint.localPort);
    peer = udpPeer('127.0.0.1', device.port);
  });
  afterEach(async () => {
    await device.close();
    await endpoint.close();
  });

  const answer = (
    request: Buffer,
    code: string,
    options: readonly (readonly [number, string | number])[] = [],
    payload?: string,
  ): void =>
    device.send(
      raw({
        type: 'ACK',
        code,
        messageId: messageIdOf(request),
        token: tokenOf(request),
        options,
        ...(payload === undefined ? {} : { payload }),
      }),
    );
  const block1Of = (request: Buffer): number => uint(optionsOf(request).get(BLOCK1)?.[0]);

  it('uploads from a source, tells of its progress, and reads only what it sends', async () => {
    const reads: number[] = [];
    const progress: TransferProgress[] = [];
    const body = {
      size: 2_500,
      etag: Buffer.from([1]),
      read: (offset: number, length: number) => {
        reads.push(offset);
        return Buffer.alloc(length, offset / 1_024 + 65);
      },
    };
    const response = endpoint.request(
      peer,
      { method: 'PUT', path: ['5', '0', '0'], contentFormat: 42, body },
      { onProgress: (p) => progress.push(p) },
    );
    let received = '';
    for (const expected of ['0/1/1024', '1/1/1024', '2/0/1024']) {
      const request = await device.receive();
      assert.equal(blockOf(request, BLOCK1), expected);
      if (received === '') assert.equal(uint(optionsOf(request).get(SIZE1)?.[0]), 2_500);
      received += payloadOf(request);
      answer(request, expected.includes('/0/') ? '2.04' : '2.31', [[BLOCK1, block1Of(request)]]);
    }
    assert.equal((await response).code, '2.04');
    assert.equal(received, 'A'.repeat(1_024) + 'B'.repeat(1_024) + 'C'.repeat(452));
    assert.deepEqual(reads, [0, 1_024, 2_048]);
    assert.deepEqual(progress, [
      { sentBytes: 1_024, totalBytes: 2_500 },
      { sentBytes: 2_048, totalBytes: 2_500 },
    ]);
  });

  it('refuses a source above the limit, and one that gives too little', async () => {
    const etag = Buffer.from([1]);
    const put = (body: { size: number; etag: Buffer; read(): Buffer }) =>
      endpoint.request(peer, { method: 'PUT', path: ['f'], body });
    await assert.rejects(put({ size: 100_001, etag, read: () => Buffer.alloc(0) }), coded('COAP_TOO_LARGE'));
    await assert.rejects(put({ size: 5_000, etag, read: () => Buffer.alloc(3) }), coded('COAP_BLOCK_FAILED'));
  });

  it('sends a block that was lost with all its repetitions again, within the time for one answer', async () => {
    const response = endpoint.request(
      peer,
      { method: 'PUT', path: ['f'], payload: Buffer.alloc(3_000, 'f') },
      { timeoutMs: 2_000 },
    );
    const first = await device.receive();
    answer(first, '2.31', [[BLOCK1, block1Of(first)]]);
    const lost = await device.receive();
    assert.deepEqual(await device.receive(), lost, 'the retransmission');
    const again = await device.receive();
    assert.notEqual(messageIdOf(again), messageIdOf(lost));
    assert.equal(blockOf(again, BLOCK1), '1/1/1024');
    answer(again, '2.31', [[BLOCK1, block1Of(again)]]);
    const last = await device.receive();
    answer(last, '2.04', [[BLOCK1, block1Of(last)]]);
    assert.equal((await response).code, '2.04');
  });

  it('gives up when no block goes through for the given time, however long the transfer has lasted', async () => {
    const started = performance.now();
    const response = assert.rejects(
      endpoint.request(peer, { method: 'PUT', path: ['f'], payload: Buffer.alloc(8_000, 'f') }, { timeoutMs: 150 }),
      coded('COAP_TIMEOUT'),
    );
    for (let i = 0; i < 4; i++) {
      const request = await device.receive();
      await new Promise((resolve) => setTimeout(resolve, 15));
      answer(request, '2.31', [[BLOCK1, block1Of(request)]]);
    }
    await response;
    assert.ok(performance.now() - started > 190, 'longer than the time for one block');
  });

  it('begins anew once when the device lost what it had (4.08)', async () => {
    const response = endpoint.request(peer, { method: 'PUT', path: ['f'], payload: Buffer.alloc(2_000, 'f') });
    const first = await device.receive();
    answer(first, '2.31', [[BLOCK1, block1Of(first)]]);
    answer(await device.receive(), '4.08');
    const again = await device.receive();
    assert.equal(blockOf(again, BLOCK1), '0/1/1024');
    answer(again, '2.31', [[BLOCK1, block1Of(again)]]);
    const last = await device.receive();
    answer(last, '2.04', [[BLOCK1, block1Of(last)]]);
    assert.equal((await response).code, '2.04');
  });

  it('asks for smaller blocks from the start when told, both ways', async () => {
    const got = endpoint.request(peer, { method: 'GET', path: ['a'] }, { blockSizeBytes: 64 });
    const request = await device.receive();
    assert.equal(blockOf(request, BLOCK2), '0/0/64');
    answer(request, '2.05', [], 'x');
    assert.equal(String((await got).payload), 'x');
    const put = endpoint.request(
      peer,
      { method: 'PUT', path: ['a'], payload: Buffer.alloc(100) },
      { blockSizeBytes: 64 },
    );
    const first = await device.receive();
    assert.equal(blockOf(first, BLOCK1), '0/1/64');
    answer(first, '5.03');
    assert.equal((await put).code, '5.03');
  });

  it('tells of the progress of a download', async () => {
    const progress: TransferProgress[] = [];
    const got = endpoint.request(peer, { method: 'GET', path: ['a'] }, { onProgress: (p) => progress.push(p) });
    answer(
      await device.receive(),
      '2.05',
      [
        [BLOCK2, 0x08],
        [28, 20],
      ],
      'a'.repeat(16),
    );
    answer(await device.receive(), '2.05', [[BLOCK2, 0x10]], 'bbbb');
    assert.equal((await got).payload.length, 20);
    assert.deepEqual(progress, [
      { receivedBytes: 16, totalBytes: 20 },
      { receivedBytes: 20, totalBytes: 20 },
    ]);
  });

  describe('FETCH, RFC 8132', () => {
    it('uploads a long body, and asks for each block of the answer with a body', async () => {
      const got = endpoint.request(peer, {
        method: 'FETCH',
        path: [],
        contentFormat: 110,
        payload: Buffer.from('["/3"]'),
      });
      const first = await device.receive();
      assert.deepEqual([codeOf(first), payloadOf(first)], ['0.05', '["/3"]']);
      answer(first, '2.05', [[BLOCK2, 0x08]], 'a'.repeat(16));
      const second = await device.receive();
      assert.deepEqual([codeOf(second), payloadOf(second), blockOf(second, BLOCK2)], ['0.05', '["/3"]', '1/0/16']);
      answer(second, '2.05', [[BLOCK2, 0x10]], 'b');
      assert.equal(String((await got).payload), `${'a'.repeat(16)}b`);
    });

    it('cancels an observation with Observe 1 and the same body and token', async () => {
      const cancel = endpoint.request(peer, {
        method: 'FETCH',
        path: [],
        contentFormat: 110,
        payload: Buffer.from('["/3"]'),
        observe: 1,
        token: Buffer.from('4a', 'hex'),
      });
      const request = await device.receive();
      assert.deepEqual(
        [codeOf(request), tokenOf(request), uint(optionsOf(request).get(OBSERVE)?.[0])],
        ['0.05', '4a', 1],
      );
      answer(request, '2.05');
      assert.equal((await cancel).code, '2.05');
    });

    it('fetches the rest of a notification with FETCH and the body of the observation, without Observe', async () => {
      const first = raw({
        code: '2.05',
        messageId: 7,
        token: '4a',
        options: [
          [OBSERVE, 3],
          [BLOCK2, 0x08],
        ],
        payload: 'a'.repeat(16),
      });
      const request = await device.exchange(first);
      assert.deepEqual(
        [codeOf(request), payloadOf(request), optionsOf(request).has(OBSERVE), blockOf(request, BLOCK2)],
        ['0.05', '["/3"]', false, '1/0/16'],
      );
      answer(request, '2.05', [[BLOCK2, 0x10]], 'b');
      assert.equal((await device.receive()).toString('hex'), '60000007', 'the notification is acknowledged');
    });
  });

  it('serves what a FETCH asked for by its body, also when later blocks are asked for without one', async () => {
    await endpoint.close();
    let calls = 0;
    endpoint = await CoapEndpoint.open({
      limits: { blockSizeBytes: 16 },
      onRequest: (request, respond) => {
        calls++;
        respond({ code: '2.05', payload: Buffer.from(String(request.payload).repeat(20)) });
      },
      onNotification: (notification) => notification.reject(),
    });
    endpoint.trust(peer);
    const fetch = async (messageId: number, payload: string, value: number): Promise<string> => {
      const body = payload === '' ? {} : { payload };
      device.send(
        raw({ code: '0.05', messageId, token: '01', options: [[BLOCK2, value]], ...body }),
        endpoint.localPort,
      );
      return payloadOf(await device.receive());
    };
    assert.equal(await fetch(1, 'a', 0), 'a'.repeat(16));
    assert.equal(await fetch(2, 'b', 0), 'b'.repeat(16));
    assert.equal(await fetch(3, 'a', 0x10), 'aaaa');
    assert.equal(await fetch(4, 'b', 0x10), 'bbbb');
    assert.equal(await fetch(5, '', 0x10), 'bbbb');
    assert.equal(calls, 2);
  });
});
