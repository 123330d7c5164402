import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { ModbusBus } from '../../../../adapters/modbus/bus.ts';
import { systemClock } from '../../../../lwm2m/client/clock.ts';
import { until } from '../../lwm2m/client/registering-server.ts';

const PORT = 25_320;
const HOLDING = 'holding-register';

/** Takes requests for one register or one write and answers when told to. */
class SlowServer {
  readonly requests: string[] = [];
  readonly #answers: (() => void)[] = [];
  readonly #sockets = new Set<Socket>();
  #server!: Server;

  async open(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (request: Buffer) => this.#receive(socket, request));
    });
    await new Promise<void>((resolve) => this.#server.listen(PORT, '127.0.0.1', resolve));
  }

  answer(): void {
    this.#answers.shift()?.();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #receive(socket: Socket, request: Buffer): void {
    const isWrite = request[7] === 6;
    this.requests.push(`${isWrite ? 'write' : 'read'} ${request.readUInt16BE(8)}`);
    const head = [request[0]!, request[1]!, 0, 0];
    const body = isWrite ? [0, 6, ...request.subarray(6, 12)] : [0, 5, request[6]!, 3, 2, 0, 1];
    this.#answers.push(() => socket.write(Buffer.from([...head, ...body])));
  }
}

describe('Modbus bus', () => {
  let server: SlowServer;
  let bus: ModbusBus;
  beforeEach(async () => {
    server = new SlowServer();
    await server.open();
    bus = new ModbusBus({ host: '127.0.0.1', port: PORT, timeoutMs: 5_000, clock: systemClock, random: () => 0.5 });
  });
  afterEach(async () => {
    await bus.close();
    await server.close();
  });

  const read = (address: number, priority: 'read' | 'poll') =>
    bus.read(HOLDING, { unitId: 1, address, count: 1 }, priority);

  it('has one request in flight; writes go first, then reads that somebody waits for', async () => {
    const all = [
      read(1, 'poll'),
      read(2, 'poll'),
      read(3, 'read'),
      bus.write(HOLDING, { unitId: 1, address: 4, values: [5] }),
    ];
    for (let count = 1; count <= all.length; count++) {
      await until(() => server.requests.length === count, 'a request');
      server.answer();
    }
    await Promise.all(all);
    assert.deepEqual(server.requests, ['read 1', 'write 4', 'read 3', 'read 2']);
  });

  it('refuses what waits beyond its limit', async () => {
    const waiting = Array.from({ length: 257 }, (_, i) => read(i, 'poll'));
    const settled = Promise.allSettled(waiting);
    await assert.rejects(read(1, 'read'), { code: 'MODBUS_UNREACHABLE' });
    await bus.close();
    assert.ok((await settled).every(({ status }) => status === 'rejected'));
  });

  it('fails all that waits when it is closed, at once', async () => {
    const pending = read(1, 'read');
    const settled = assert.rejects(pending, { code: 'MODBUS_UNREACHABLE' });
    await until(() => server.requests.length === 1, 'a request');
    const startedAt = performance.now();
    await bus.close();
    await settled;
    assert.ok(performance.now() - startedAt < 1_000);
    await assert.rejects(read(1, 'read'), { code: 'MODBUS_UNREACHABLE' });
  });

  it('does not hammer a place where nobody listens', async () => {
    await server.close();
    await assert.rejects(read(1, 'read'), { code: 'MODBUS_UNREACHABLE' });
    const startedAt = performance.now();
    for (let i = 0; i < 20; i++) await assert.rejects(read(1, 'read'), { code: 'MODBUS_UNREACHABLE' });
    assert.ok(performance.now() - startedAt < 200, 'refused without an attempt');
    await server.open();
  });
});
