import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { sleep } from '../../../common/lifecycle.ts';
import { WINDOW_BYTES } from '../../rig/delay-line.ts';
import { WanProxy } from '../../rig/wan-proxy.ts';

const MEGABYTE = Buffer.alloc(2 ** 20, 'x');

/** Socket buffers of the kernel on both sides of both connections. */
const KERNEL_BYTES = 32 * 2 ** 20;

describe('WAN proxy', () => {
  let server: Server;
  let proxy: WanProxy;
  /** What the listening side does with a connection. */
  let serve: (socket: Socket) => void;
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    serve = (socket) => void socket.pipe(socket);
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      serve(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await WanProxy.open({ port: 0, targetPort: (server.address() as { port: number }).port });
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await proxy.close();
    server.close();
  });

  async function client(): Promise<Socket> {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.add(socket);
    await once(socket, 'connect');
    return socket;
  }

  async function exchange(socket: Socket, text: string): Promise<string> {
    const answer = once(socket, 'data');
    socket.write(text);
    return String((await answer)[0]);
  }

  async function all(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  it('carries bytes and ends both ways, unchanged, and counts them', async () => {
    const socket = await client();
    const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    const received = all(socket);
    socket.end(sent);
    assert.ok((await received).equals(sent));
    assert.deepEqual(proxy.bytes, { up: sent.length, down: sent.length });
    assert.equal(proxy.connections, 1);
  });

  it('keeps the order under delay and loss, and is never earlier than the delay', async () => {
    proxy.behave({ delayMs: 40, lossRate: 0.01 });
    const socket = await client();
    const sent = Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
    const startedAt = performance.now();
    const received = all(socket);
    socket.end(sent);
    assert.ok((await received).equals(sent));
    // 275 segments each way: several of them are lost, each for 200 ms.
    assert.ok(performance.now() - startedAt >= 480, 'nothing was lost');
  });

  it('takes a round trip for an answer', async () => {
    proxy.behave({ delayMs: 40 });
    const socket = await client();
    const startedAt = performance.now();
    assert.equal(await exchange(socket, 'there and back'), 'there and back');
    assert.ok(performance.now() - startedAt >= 79);
  });

  it('shares its rate among all connections', async () => {
    proxy.behave({ bytesPerSecond: 1_000_000 });
    serve = (socket) => void socket.resume().on('end', () => socket.end());
    const startedAt = performance.now();
    const both = [await client(), await client()].map((socket) => {
      const ended = all(socket);
      socket.end(MEGABYTE.subarray(0, 200_000));
      return ended;
    });
    await Promise.all(both);
    assert.ok(performance.now() - startedAt >= 390);
  });

  it('holds no more than its window for a reader that does not read', async () => {
    serve = (socket) => void socket.pause();
    const socket = await client();
    let taken = 0;
    while (socket.write(MEGABYTE)) taken += MEGABYTE.length;
    // It has taken what it takes once nothing moves any more.
    for (let before = -1; before !== socket.bytesWritten - socket.writableLength; await sleep(200)) {
      before = socket.bytesWritten - socket.writableLength;
      while (socket.writableLength < MEGABYTE.length) socket.write(MEGABYTE);
      taken = before;
    }
    assert.ok(taken < KERNEL_BYTES, `${taken} bytes went in`);
    assert.ok(proxy.bytesUnderWay <= WINDOW_BYTES + 65_536, `${proxy.bytesUnderWay} bytes are held`);
  });

  it('resets what runs through it and what comes while it is cut', async () => {
    const socket = await client();
    await exchange(socket, 'before');
    const broken = once(socket, 'error');
    proxy.cut();
    assert.equal(((await broken)[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
    const late = connect({ port: proxy.port, host: '127.0.0.1' });
    sockets.add(late);
    assert.equal(((await once(late, 'error'))[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
    proxy.restore();
    assert.equal(await exchange(await client(), 'after'), 'after');
  });

  it('swallows everything as a black hole; old connections stay dead, new ones come through', async () => {
    const old = await client();
    await exchange(old, 'before');
    const before = proxy.bytes;
    proxy.blackHole();
    let answered = 0;
    old.on('data', () => answered++);
    old.write('lost');
    const meanwhile = await client();
    const answer = exchange(meanwhile, 'held');
    await sleep(50);
    assert.deepEqual(proxy.bytes, before);
    proxy.restore();
    assert.equal(await answer, 'held');
    old.write('lost too');
    assert.equal(await exchange(await client(), 'after'), 'after');
    assert.equal(answered, 0);
  });

  it('resets who connects while the other end is away', async () => {
    const { port } = server.address() as { port: number };
    const closed = once(server, 'close');
    server.close();
    await closed;
    assert.ok(port > 0);
    const socket = connect({ port: proxy.port, host: '127.0.0.1' });
    sockets.add(socket);
    assert.equal(((await once(socket, 'error'))[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
  });
});
