import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { CoapEndpoint } from '../../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';

const handlers = {
  onRequest: (_request: unknown, respond: (response: { code: string }) => void): void => respond({ code: '2.04' }),
  onNotification: (notification: { reject(): void }): void => notification.reject(),
};

describe('CoAP endpoint', () => {
  it('refuses limits out of range with CONFIG_INVALID', async () => {
    for (const limits of [
      { blockSizeBytes: 1000 },
      { ackTimeoutMs: 0 },
      { peers: Number.NaN },
      { ackRandomFactor: 0.5 },
    ]) {
      await assert.rejects(CoapEndpoint.open({ ...handlers, limits }), (error) => hasCode(error, 'CONFIG_INVALID'));
    }
  });

  it('refuses a port in use with TRANSPORT_BIND', async () => {
    const first = await CoapEndpoint.open(handlers);
    await assert.rejects(CoapEndpoint.open({ ...handlers, port: first.localPort }), (error) =>
      hasCode(error, 'TRANSPORT_BIND'),
    );
    await first.close();
    await first.close();
  });

  it('carries bodies of every size near the block size, both ways', async () => {
    const server = await CoapEndpoint.open({
      onRequest: (request, respond) => respond({ code: '2.04', payload: request.payload }),
      onNotification: (notification) => notification.reject(),
      limits: { blockSizeBytes: 64 },
    });
    const client = await CoapEndpoint.open({ ...handlers, limits: { blockSizeBytes: 256 } });
    const peer = udpPeer('127.0.0.1', server.localPort);
    for (const length of [0, 1, 63, 64, 65, 128, 255, 256, 257, 1_000, 10_000]) {
      const payload = Buffer.from(Array.from({ length }, (_, i) => i % 251));
      const response = await client.request(peer, { method: 'POST', path: ['echo'], payload });
      assert.deepEqual(response.payload, payload, `${length} bytes`);
    }
    await Promise.all([server.close(), client.close()]);
  });

  it('works over IPv6', async () => {
    const server = await CoapEndpoint.open({ ...handlers, address: '::1' });
    const client = await CoapEndpoint.open({ ...handlers, address: '::1' });
    const response = await client.request(udpPeer('::1', server.localPort), { method: 'GET', path: [] });
    assert.equal(response.code, '2.04');
    await Promise.all([server.close(), client.close()]);
  });

  it('counts what the system refuses to send and goes on', async () => {
    const client = await CoapEndpoint.open({ ...handlers, limits: { ackTimeoutMs: 20, maxRetransmit: 0 } });
    // a loopback socket cannot reach another network
    await assert.rejects(client.request(udpPeer('203.0.113.1', 5683), { method: 'GET', path: [] }), (error) =>
      hasCode(error, 'COAP_TIMEOUT'),
    );
    assert.equal(client.counters.sendErrors, 1);
    await client.close();
  });

  it('refuses a path segment that no option can carry', async () => {
    const client = await CoapEndpoint.open(handlers);
    await assert.rejects(client.request(udpPeer('127.0.0.1', 9), { method: 'GET', path: ['x'.repeat(256)] }), (error) =>
      hasCode(error, 'COAP_TOO_LARGE'),
    );
    assert.equal(client.held.transmissions, 0);
    await client.close();
  });
});
