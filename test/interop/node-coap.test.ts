import assert from 'node:assert/strict';
import { once } from 'node:events';
import coap, { type IncomingMessage, type ObserveReadStream, type OutgoingMessage } from 'coap';
import { CoapEndpoint, type CoapNotification, type CoapRequest, type Respond } from '../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../lwm2m/coap/transport.ts';

const LONG = Buffer.from(Array.from({ length: 5_000 }, (_, i) => 97 + (i % 26)));

describe('node-coap as server', () => {
  let server: ReturnType<typeof coap.createServer>;
  let endpoint: CoapEndpoint;
  let port: number;
  const notifications: CoapNotification[] = [];

  before(async () => {
    server = coap.createServer({ type: 'udp4' });
    server.on('request', (request: IncomingMessage, response: OutgoingMessage) => {
      const path = request.url.split('?')[0];
      if (path === '/observed' && request.headers.Observe === 0) {
        response.write('1');
        setTimeout(() => response.write('2'), 20);
        setTimeout(() => response.write('3'), 60);
        return;
      }
      if (path === '/slow') {
        setTimeout(() => response.end('late'), 300);
        return;
      }
      response.code = path === '/missing' ? '4.04' : request.method === 'GET' ? '2.05' : '2.04';
      response.end(path === '/long' ? LONG : path === '/echo' ? request.payload : request.url);
    });
    port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () =>
        resolve((server._sock as unknown as { address(): { port: number } }).address().port),
      );
    });
    endpoint = await CoapEndpoint.open({
      onRequest: (_request, respond) => respond({ code: '4.04' }),
      onNotification: (notification) => {
        notifications.push(notification);
        notification.acknowledge();
      },
    });
  });
  after(async () => {
    await endpoint.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const request = (path: string, method: 'GET' | 'PUT' = 'GET', payload?: Buffer) =>
    endpoint.request(udpPeer('127.0.0.1', port), { method, path: [path], query: ['a=b'], ...(payload && { payload }) });

  it('answers GET with path and query', async () => {
    const response = await request('x');
    assert.deepEqual([response.code, String(response.payload)], ['2.05', '/x?a=b']);
  });

  it('answers an error', async () => {
    assert.equal((await request('missing')).code, '4.04');
  });

  it('answers late, separately', async () => {
    assert.equal(String((await request('slow')).payload), 'late');
  });

  it('sends a long response in blocks', async () => {
    assert.deepEqual((await request('long')).payload, LONG);
  });

  it('takes a long request in blocks', async () => {
    const response = await request('echo', 'PUT', LONG);
    assert.equal(response.code, '2.04');
    assert.deepEqual(response.payload, LONG);
  });

  it('notifies an observer', async () => {
    const token = Buffer.from('0a0b0c0d', 'hex');
    const first = await endpoint.request(udpPeer('127.0.0.1', port), {
      method: 'GET',
      path: ['observed'],
      observe: 0,
      token,
    });
    assert.equal(String(first.payload), '1');
    const deadline = Date.now() + 1_500;
    while (notifications.length < 2 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(
      notifications.map((n) => String(n.payload)),
      ['2', '3'],
    );
    assert.deepEqual(
      notifications.map((n) => n.token.toString('hex')),
      ['0a0b0c0d', '0a0b0c0d'],
    );
  });
});

describe('node-coap as client', () => {
  let endpoint: CoapEndpoint;
  let handle: (request: CoapRequest, respond: Respond) => void;
  const agent = new coap.Agent({ type: 'udp4' });

  before(async () => {
    endpoint = await CoapEndpoint.open({
      limits: { separateAfterMs: 50 },
      onRequest: (request, respond) => handle(request, respond),
      onNotification: (notification) => notification.reject(),
    });
  });
  after(async () => {
    agent.close();
    await endpoint.close();
  });

  const send = async (
    parameters: { method?: 'GET' | 'POST' | 'PUT'; pathname: string; observe?: boolean; query?: string },
    payload?: Buffer,
    options: readonly (readonly [string, string | Buffer])[] = [],
  ): Promise<IncomingMessage> => {
    const outgoing = coap.request({
      hostname: '127.0.0.1',
      port: endpoint.localPort,
      agent,
      confirmable: true,
      ...parameters,
    });
    for (const [name, value] of options) outgoing.setOption(name as 'Block1', value);
    outgoing.end(payload);
    const [response] = (await once(outgoing, 'response', { signal: AbortSignal.timeout(5_000) })) as [IncomingMessage];
    return response;
  };

  it('registers and reads its location', async () => {
    handle = (request, respond) => {
      assert.deepEqual([request.method, request.path, request.query], ['POST', ['rd'], ['ep=urn:x', 'lt=60']]);
      respond({ code: '2.01', locationPath: ['rd', 'ab'] });
    };
    const response = await send({ method: 'POST', pathname: '/rd', query: 'ep=urn:x&lt=60' }, Buffer.from('</1/0>'));
    assert.equal(response.code, '2.01');
    const location = (response._packet.options ?? []).filter(({ name }) => name === 'Location-Path');
    assert.deepEqual(
      location.map(({ value }) => String(value)),
      ['rd', 'ab'],
    );
  });

  it('takes a separate response', async () => {
    handle = (_request, respond) => {
      setTimeout(() => respond({ code: '2.05', payload: Buffer.from('late') }), 200);
    };
    assert.equal(String((await send({ pathname: '/slow' })).payload), 'late');
  });

  it('takes a long response in blocks', async () => {
    handle = (request, respond) => {
      endpoint.trust(request.peer); // node-coap has no Echo (RFC 9175), so it cannot prove its address itself
      respond({ code: '2.05', payload: LONG });
    };
    assert.deepEqual((await send({ pathname: '/fw' })).payload, LONG);
  });

  it('sends a long request in blocks', async () => {
    const received: Buffer[] = [];
    handle = (request, respond) => {
      received.push(request.payload);
      respond({ code: '2.04' });
    };
    const response = await send({ method: 'PUT', pathname: '/fw' }, LONG, [['Block1', Buffer.from([0x06])]]);
    assert.equal(response.code, '2.04');
    assert.deepEqual(received, [LONG]);
  });

  it('observes: notifications acknowledged, then refused when it is gone', async () => {
    let observed: CoapRequest | undefined;
    handle = (request, respond) => {
      observed ??= request;
      respond({ code: '2.05', payload: Buffer.from('0'), observe: 1 });
    };
    const stream = (await send({ pathname: '/3303/0/5700', observe: true })) as ObserveReadStream;
    const { peer, token } = observed!;
    const seen: string[] = [];
    stream.on('data', (payload: Buffer) => seen.push(String(payload)));
    for (const sequence of [2, 3]) {
      const notification = {
        token,
        observe: sequence,
        confirmable: true,
        payload: Buffer.from(String(sequence)),
        path: ['3303', '0', '5700'],
      };
      assert.equal(await endpoint.notify(peer, notification), 'acknowledged');
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(seen, ['0', '2', '3']);
    stream.close();
  });
});
