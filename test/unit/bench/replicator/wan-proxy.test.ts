import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { WanProxy } from '../../../../bench/replicator/wan-proxy.ts';
import { freePorts } from '../../../../stack/stack.ts';

describe('counting proxy', () => {
  it('passes bytes on and counts them each way, over all connections', async () => {
    const server = createServer((socket) => {
      let received = 0;
      socket.on('data', (bytes) => {
        received += bytes.length;
        if (received === 70_000) socket.end(Buffer.alloc(5, 'x'));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { kafkaCloud: port } = await freePorts();
    const proxy = await WanProxy.open({ port, targetPort: (server.address() as AddressInfo).port });
    for (let connection = 1; connection <= 2; connection++) {
      const socket = connect(port, '127.0.0.1');
      socket.write(Buffer.alloc(70_000));
      const answer: Buffer[] = [];
      socket.on('data', (bytes: Buffer) => answer.push(bytes));
      await once(socket, 'end');
      assert.equal(Buffer.concat(answer).toString(), 'xxxxx');
      assert.equal(proxy.sentBytes, connection * 70_000);
      assert.equal(proxy.receivedBytes, connection * 5);
      socket.destroy();
    }
    await proxy.close();
    server.close();
  });
});
