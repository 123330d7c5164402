import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { ModbusAdapter } from '../../../adapters/modbus/adapter.ts';
import { parseMapping } from '../../../adapters/modbus/mapping.ts';
import type { Table } from '../../../adapters/modbus/mapping-file.ts';
import { type ModbusServer, openModbusServer } from '../../../adapters/simulator/modbus-server.ts';
import { decodeContent, encodeContent } from '../../../lwm2m/content/codec.ts';
import { CONTENT_FORMATS } from '../../../lwm2m/content/content-formats.ts';
import type { MultipleResource } from '../../../lwm2m/content/node.ts';
import { coreObjectModels } from '../../../lwm2m/model/core-objects.ts';
import { parsePath } from '../../../lwm2m/path.ts';
import { type Peer, startModbusServer } from '../../peers/peers.ts';
import { RegisteringServer, until } from '../../unit/lwm2m/client/registering-server.ts';

const { TEXT, TLV } = CONTENT_FORMATS;
const PORT = 25_310;
const FAST = { firstPauseMs: 50, longestPauseMs: 200 };
const TIMING = { requestTimeoutMs: 500, ...FAST };
const models = coreObjectModels();

type Tables = Record<Table, Map<number, number>>;

function tables(): Tables {
  return { 'holding-register': new Map(), 'input-register': new Map(), coil: new Map(), 'discrete-input': new Map() };
}

function unit(unitId: number, objects: Record<string, unknown[]>): Record<string, unknown> {
  return { unitId, endpointName: `unit-${unitId}`, pollMs: 50, objects };
}

const TENTHS = { type: 'holding-register', address: 0, format: 'int16', scale: 0.1, writable: true };

describe('Modbus adapter', () => {
  let lwm2m: RegisteringServer;
  let adapter: ModbusAdapter | undefined;
  beforeEach(async () => {
    lwm2m = await RegisteringServer.open();
  });
  afterEach(async () => {
    await adapter?.close();
    adapter = undefined;
    await lwm2m.close();
  });

  async function adapt(
    port: number,
    units: readonly Record<string, unknown>[],
    timeoutMs = 200,
  ): Promise<ModbusAdapter> {
    const mapping = parseMapping(JSON.stringify({ connection: { host: '127.0.0.1', port, timeoutMs }, units }));
    adapter = await ModbusAdapter.start({ mapping, server: lwm2m.address, pauses: FAST, timing: TIMING });
    return adapter;
  }

  async function read(ep: string, path: string): Promise<string> {
    const { code, payload } = await lwm2m.request(ep, { method: 'GET', path });
    return code === '2.05' ? payload.toString() : code;
  }

  async function write(ep: string, path: string, text: string): Promise<string> {
    const payload = Buffer.from(text);
    return (await lwm2m.request(ep, { method: 'PUT', path, contentFormat: TEXT.number, payload })).code;
  }

  async function observe(ep: string, path: string): Promise<Buffer> {
    const token = randomBytes(8);
    const { observe: number } = await lwm2m.request(ep, { method: 'GET', path, observe: 0, token });
    assert.notEqual(number, undefined);
    return token;
  }

  async function nextValue(token: Buffer): Promise<string> {
    return (await lwm2m.notification(token)).payload.toString();
  }

  describe('before a modbus-serial server', () => {
    let server: ModbusServer | undefined;
    let one: Tables;
    const silentUnits = new Set<number>();

    async function serve(): Promise<void> {
      const units = new Map([1, 2, 3].map((id) => [id, { tables: id === 1 ? one : other }]));
      server = await openModbusServer({ host: '127.0.0.1', port: PORT, units, silentUnits });
    }
    let other: Tables;

    beforeEach(async () => {
      silentUnits.clear();
      one = tables();
      other = tables();
      one['holding-register'].set(0, 215);
      other['holding-register'].set(0, 5);
      await serve();
    });
    afterEach(async () => {
      await server?.close();
    });

    it('registers one device for each unit, with its objects', async () => {
      await adapt(PORT, [unit(1, { 3303: [{ 5700: TENTHS }] }), unit(2, { 3303: [{ 5700: TENTHS }] })]);
      const { links } = await lwm2m.registered('unit-1');
      assert.equal(links, '</>;rt="oma.lwm2m";ct=11542,</1/0>,</3/0>,</3303/0>');
      await lwm2m.registered('unit-2');
      assert.equal(await read('unit-1', '/3303/0/5700'), '21.5');
    });

    it('notifies what polling finds changed, and only that', async () => {
      await adapt(PORT, [unit(1, { 3303: [{ 5700: TENTHS }] })]);
      await until(() => adapter!.units[0]!.unit.counters.polls > 1, 'polling');
      const token = await observe('unit-1', '/3303/0/5700');
      const { polls } = adapter!.units[0]!.unit.counters;
      one['holding-register'].set(0, 216);
      assert.equal(await nextValue(token), '21.6');
      one['holding-register'].set(0, 0xffff);
      assert.equal(await nextValue(token), '-0.1');
      await until(() => adapter!.units[0]!.unit.counters.polls > polls + 5, 'more polling');
      assert.deepEqual(lwm2m.notifications, []);
    });

    it('writes with the scale undone, and notifies', async () => {
      await adapt(PORT, [unit(1, { 3303: [{ 5700: TENTHS }] })]);
      await until(() => adapter!.units[0]!.unit.counters.polls > 1, 'polling');
      const token = await observe('unit-1', '/3303/0/5700');
      assert.equal(await write('unit-1', '/3303/0/5700', '-12.3'), '2.04');
      assert.equal(one['holding-register'].get(0), 0x1_0000 - 123);
      assert.equal(await nextValue(token), '-12.3');
    });

    it('refuses a value out of range without a word to the bus', async () => {
      await adapt(PORT, [unit(1, { 3303: [{ 5700: { ...TENTHS, pollMs: 60_000 } }] })]);
      assert.equal(await write('unit-1', '/3303/0/5700', '3276.8'), '4.00');
      assert.equal(one['holding-register'].get(0), 215);
    });

    it('serves object 26241: single and multiple registers and bits', async () => {
      one.coil.set(0, 0).set(1, 1).set(2, 0);
      one['discrete-input'].set(0, 1);
      for (const [i, value] of [7, 8, 9].entries()) one['holding-register'].set(10 + i, value);
      const raw = {
        26253: { type: 'coil', address: 0 },
        26254: { type: 'discrete-input', address: 0 },
        26255: { type: 'holding-register', address: 10, quantity: 3 },
        26257: { type: 'coil', address: 0, quantity: 3 },
      };
      await adapt(PORT, [unit(1, { 26241: [raw] })]);
      assert.equal(await read('unit-1', '/26241/0/26254'), '1');
      assert.equal(await read('unit-1', '/26241/0/26255/2'), '9');
      assert.equal(await write('unit-1', '/26241/0/26253', '1'), '2.04');
      assert.equal(one.coil.get(0), 1);
      assert.equal(
        await read('unit-1', '/26241/0/26257/0'),
        '1',
        'the other point over the same coil is not left behind',
      );
      assert.equal(await write('unit-1', '/26241/0/26255/1', '500'), '2.04');
      assert.deepEqual(
        [10, 11, 12].map((address) => one['holding-register'].get(address)),
        [7, 500, 9],
      );
      const path = '/26241/0/26255';
      const node: MultipleResource = {
        kind: 'multipleResource',
        id: 26255,
        type: 'INTEGER',
        values: new Map([0, 1, 2].map((id) => [id, { type: 'INTEGER', value: id }])),
      };
      const payload = encodeContent(TLV.number, node, parsePath(path));
      const put = await lwm2m.request('unit-1', { method: 'PUT', path, contentFormat: TLV.number, payload });
      assert.equal(put.code, '2.04');
      const { contentFormat, payload: answer } = await lwm2m.request('unit-1', { method: 'GET', path });
      assert.deepEqual(decodeContent(contentFormat, answer, parsePath(path), models), node);
      assert.equal(await write('unit-1', '/26241/0/26254', '0'), '4.05');
    });

    it('keeps good registers polled beside one that is not there, and says so of that one', async () => {
      one['holding-register'].set(1, 3);
      const objects = {
        33000: [
          {
            0: { type: 'holding-register', address: 0 },
            1: { type: 'holding-register', address: 1 },
            2: { type: 'holding-register', address: 2 },
          },
        ],
      };
      await adapt(PORT, [unit(1, objects)]);
      const token = await observe('unit-1', '/33000/0/1');
      one['holding-register'].set(1, 4);
      assert.equal(await nextValue(token), '4');
      assert.equal(await read('unit-1', '/33000/0/2'), '4.04');
      const { payload, contentFormat } = await lwm2m.request('unit-1', { method: 'GET', path: '/33000/0' });
      const node = decodeContent(contentFormat, payload, parsePath('/33000/0'), models);
      assert.ok(node.kind === 'instance');
      assert.deepEqual(
        node.resources.map(({ id }) => id),
        [0, 1],
      );
    });

    it('is not stalled by a unit that never answers, and finds it when it does', async () => {
      silentUnits.add(3);
      await adapt(PORT, [unit(3, { 3303: [{ 5700: TENTHS }] }), unit(1, { 3303: [{ 5700: TENTHS }] })]);
      const dead = adapter!.units[0]!.unit;
      await until(() => !dead.reachable, 'the silence to be noticed');
      const token = await observe('unit-1', '/3303/0/5700');
      const before = one['holding-register'].get(0);
      for (let value = 300; value < 310; value++) {
        one['holding-register'].set(0, value);
        let notified = Number(await nextValue(token)) * 10;
        // The poll that was under way at the observe request may still tell the value from before.
        if (value === 300 && notified === before) notified = Number(await nextValue(token)) * 10;
        assert.equal(notified, value);
      }
      assert.equal(await read('unit-3', '/3303/0/5700'), '5.04');
      assert.equal(await read('unit-3', '/3/0/11/0'), '8');
      assert.ok(dead.counters.polls < 40, 'a dead unit is left alone for growing pauses');
      silentUnits.clear();
      await until(() => dead.reachable, 'the unit to be found again');
      assert.equal(await read('unit-3', '/3303/0/5700'), '0.5');
    });

    it('says nothing while the bus is away, reconnects and goes on', async () => {
      await adapt(PORT, [{ ...unit(1, { 3303: [{ 5700: TENTHS }] }) }]);
      await until(() => adapter!.units[0]!.unit.counters.polls > 1, 'polling');
      const token = await observe('unit-1', '/3303/0/5700');
      await lwm2m.request('unit-1', { method: 'PUT', path: '/3303/0/5700', query: ['pmax=1'] });
      await server!.close();
      await until(() => !adapter!.units[0]!.unit.reachable, 'the silence to be noticed');
      lwm2m.notifications.length = 0;
      assert.equal(await read('unit-1', '/3303/0/5700'), '5.04');
      await new Promise((resolve) => setTimeout(resolve, 1_300));
      assert.deepEqual(lwm2m.notifications, [], 'an old value is not given out as a new one');
      one['holding-register'].set(0, 330);
      await serve();
      assert.equal(await nextValue(token), '33');
      assert.equal(await read('unit-1', '/3303/0/5700'), '33');
    });
  });

  describe('before a server that speaks badly', () => {
    let bad: Server;
    const sockets = new Set<Socket>();
    let answer: (socket: Socket, request: Buffer) => void;

    beforeEach(async () => {
      bad = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('data', (request: Buffer) => answer(socket, request));
      });
      await new Promise<void>((resolve) => bad.listen(PORT, '127.0.0.1', resolve));
    });
    afterEach(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => bad.close(resolve));
    });

    /** Function 3, one register. */
    const reply = (request: Buffer, value: number): Buffer =>
      Buffer.from([request[0]!, request[1]!, 0, 0, 0, 5, request[6]!, 3, 2, value >> 8, value & 0xff]);
    const slow = {
      ...unit(1, { 33000: [{ 0: { type: 'holding-register', address: 0, pollMs: 60_000 } }] }),
      pollMs: 60_000,
    };

    it('never takes a late answer for the next one', async () => {
      let count = 0;
      answer = (socket, request) => {
        const value = ++count;
        setTimeout(() => socket.destroyed || socket.write(reply(request, value)), value === 1 ? 400 : 0);
      };
      await adapt(PORT, [slow], 100);
      assert.equal(await read('unit-1', '/33000/0/0'), '5.04');
      await until(() => adapter!.units[0]!.unit.reachable === false, 'the pause');
      await new Promise((resolve) => setTimeout(resolve, 250));
      assert.equal(await read('unit-1', '/33000/0/0'), String(count));
      assert.ok(sockets.size >= 2, 'the socket was dropped');
    });

    for (const [what, bytes] of [
      ['a reply cut short', (request: Buffer) => reply(request, 1).subarray(0, 9)],
      ['a reply of another unit', (request: Buffer) => reply(Buffer.from(request).fill(9, 6, 7), 1)],
      ['a reply of another function', (request: Buffer) => reply(request, 1).fill(4, 7, 8)],
      [
        'a reply that is too short',
        (request: Buffer) => Buffer.from([request[0]!, request[1]!, 0, 0, 0, 3, request[6]!, 3, 0]),
      ],
      ['another transaction id', (request: Buffer) => reply(request, 1).fill(0xee, 0, 2)],
      ['noise', () => Buffer.alloc(300, 0xa5)],
    ] as const) {
      it(`answers ${what} with 5.04 and goes on`, async () => {
        answer = (socket, request) => void socket.write(bytes(request));
        await adapt(PORT, [slow], 100);
        assert.equal(await read('unit-1', '/33000/0/0'), '5.04');
        answer = (socket, request) => socket.write(reply(request, 77));
        await new Promise((resolve) => setTimeout(resolve, 250));
        assert.equal(await read('unit-1', '/33000/0/0'), '77');
      });
    }

    it('notices at once when the connection is cut in mid-request', async () => {
      answer = (socket) => socket.destroy();
      await adapt(PORT, [slow], 10_000);
      const startedAt = performance.now();
      assert.equal(await read('unit-1', '/33000/0/0'), '5.04');
      assert.ok(performance.now() - startedAt < 5_000);
    });

    for (const [exception, code] of [
      [1, '4.05'],
      [2, '4.04'],
      [3, '4.00'],
      [4, '5.03'],
      [6, '5.03'],
      [11, '5.04'],
    ] as const) {
      it(`answers exception ${exception} with ${code}`, async () => {
        answer = (socket, request) =>
          socket.write(Buffer.from([request[0]!, request[1]!, 0, 0, 0, 3, request[6]!, 0x83, exception]));
        await adapt(PORT, [slow]);
        assert.equal(await read('unit-1', '/33000/0/0'), code);
      });
    }
  });

  describe('before pymodbus', () => {
    let peer: Peer & { readonly port: number };
    before(async function () {
      this.timeout(300_000);
      peer = await startModbusServer({ units: [1, 2] });
    });
    after(async () => {
      await peer.stop();
    });

    it('reads all four tables of several units, in merged requests', async () => {
      const objects = {
        33000: [
          {
            0: { type: 'holding-register', address: 0 },
            1: { type: 'holding-register', address: 1 },
            2: { type: 'input-register', address: 5 },
            3: { type: 'coil', address: 1 },
            4: { type: 'discrete-input', address: 3 },
            5: { type: 'holding-register', address: 90, quantity: 6 },
          },
        ],
      };
      await adapt(peer.port, [unit(1, objects), unit(2, objects)], 1_000);
      for (const id of [1, 2]) {
        const values = await Promise.all([0, 1, 2, 3, 4].map((resource) => read(`unit-${id}`, `/33000/0/${resource}`)));
        assert.deepEqual(values, [`${id * 1000}`, `${id * 1000 + 1}`, `${id * 1000 + 505}`, '0', '1']);
        assert.equal(await read(`unit-${id}`, '/33000/0/5/5'), `${id * 1000 + 95}`);
      }
    });

    it('notifies a register that counts, and writes registers and coils', async () => {
      const objects = {
        33000: [
          {
            0: { type: 'input-register', address: 0 },
            1: { type: 'holding-register', address: 10, format: 'float32', wordOrder: 'little' },
            2: { type: 'coil', address: 7 },
          },
        ],
      };
      await adapt(peer.port, [unit(2, objects)], 1_000);
      const token = await observe('unit-2', '/33000/0/0');
      const first = Number(await nextValue(token));
      assert.equal(Number(await nextValue(token)), first + 1);
      assert.equal(await write('unit-2', '/33000/0/1', '23.5'), '2.04');
      const written = await peer.waitFor(
        (event) => event.event === 'written' && event.table === 'holding-register',
        5_000,
      );
      assert.deepEqual([written.unit, written.address, written.values], [2, 10, [0, 0x41bc]]);
      assert.equal(await read('unit-2', '/33000/0/1'), '23.5');
      assert.equal(await write('unit-2', '/33000/0/2', '1'), '2.04');
      assert.equal(await read('unit-2', '/33000/0/2'), '1');
    }).timeout(10_000);

    it('maps an address that is not there to 4.04', async () => {
      await adapt(peer.port, [unit(1, { 33000: [{ 0: { type: 'holding-register', address: 500 } }] })], 1_000);
      assert.equal(await read('unit-1', '/33000/0/0'), '4.04');
    });
  });
}).timeout(20_000);
