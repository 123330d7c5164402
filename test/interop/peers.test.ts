/** The foreign peers themselves, as far as they can be judged without our server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { generate, type ParsedPacket, parse } from 'coap-packet';
import modbus from 'modbus-serial';
import { hasCode } from '../../common/errors.ts';
import {
  type Fastavro,
  fastavro,
  type Peer,
  startModbusServer,
  startRawDevices,
  stopAllPeers,
} from '../peers/peers.ts';

/** The first use downloads and installs the Python packages. */
const PROVISION_TIMEOUT_MS = 5 * 60_000;
const PEERS = join(import.meta.dirname, '..', 'peers', 'peers.ts');

describe('foreign peers', function () {
  this.timeout(PROVISION_TIMEOUT_MS);
  after(stopAllPeers);

  describe('Modbus server (pymodbus)', () => {
    let server: Peer & { readonly port: number };
    // Its types describe the CommonJS export: the class is `default` of it (and the same object when it runs).
    let client: InstanceType<typeof modbus.default>;

    before(async () => {
      server = await startModbusServer({ units: [1, 7] });
      client = new modbus.default();
      await client.connectTCP('127.0.0.1', { port: server.port });
      client.setTimeout(5_000);
    });
    after(async () => {
      await new Promise<void>((resolve) => client.close(() => resolve()));
      await server.stop();
    });

    it('holds the documented values in each unit and table', async () => {
      client.setID(7);
      assert.deepEqual((await client.readHoldingRegisters(0, 3)).data, [7000, 7001, 7002]);
      assert.deepEqual((await client.readInputRegisters(10, 2)).data, [7510, 7511]);
      assert.deepEqual((await client.readCoils(3, 8)).data, [false, true, false, true, false, true, false, true]);
      const discrete = (await client.readDiscreteInputs(17, 8)).data;
      assert.deepEqual(discrete, [false, true, false, false, true, false, false, true]);
      client.setID(1);
      assert.deepEqual((await client.readHoldingRegisters(95, 1)).data, [1095]);
    });

    it('counts seconds in input register 0', async () => {
      const read = async (): Promise<number> => (await client.readInputRegisters(0, 1)).data[0]!;
      const first = await read();
      let later = first;
      for (const deadline = Date.now() + 5_000; later === first && Date.now() < deadline; later = await read())
        await pause(50);
      assert.equal(later, first + 1);
    });

    it('takes writes and reports each', async () => {
      client.setID(1);
      await client.writeRegister(5, 4242);
      await client.writeRegisters(6, [1, 2]);
      await client.writeCoil(3, true);
      assert.deepEqual((await client.readHoldingRegisters(5, 3)).data, [4242, 1, 2]);
      assert.equal((await client.readCoils(3, 1)).data[0], true);
      const { values } = await server.waitFor((e) => e.event === 'written' && e.table === 'coil', 5_000);
      assert.deepEqual(values, [true]);
      assert.deepEqual(
        server.eventsOf('written').map((e) => [e.unit, e.table, e.address, e.values]),
        [
          [1, 'holding-register', 5, [4242]],
          [1, 'holding-register', 6, [1, 2]],
          [1, 'coil', 3, [true]],
        ],
      );
    });

    it('refuses addresses it does not have with exception 2', async () => {
      const refusal = client.readHoldingRegisters(95, 2);
      await assert.rejects(refusal, (error: unknown) => (error as { modbusCode?: number }).modbusCode === 2);
    });
  });

  describe('Avro judge (fastavro)', () => {
    let judge: Fastavro;
    const writer = {
      type: 'record',
      name: 'Sample',
      namespace: 'zeelos.test',
      fields: [
        { name: 'value', type: ['string', 'double', 'long', 'boolean'] },
        { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
        { name: 'inner', type: ['null', { type: 'record', name: 'Inner', fields: [{ name: 'raw', type: 'bytes' }] }] },
      ],
    };
    // By hand, Avro 1.12 "Binary Encoding": branch 2, zig-zag 5 -> 10; symbol 1; branch 1, 2 bytes.
    const hex = '040a' + '02' + '0204ff00';
    const json = { value: { long: 5 }, kind: 'B', inner: { 'zeelos.test.Inner': { raw: '\u00ff\u0000' } } };

    before(async () => {
      judge = await fastavro();
    });
    after(() => judge.stop());

    it('shows union branches by name when it reads', async () => {
      assert.deepEqual(await judge.decode(Buffer.from(hex, 'hex'), { writer }), json);
    });

    it('writes the same bytes', async () => {
      assert.equal((await judge.encode(json, { writer })).toString('hex'), hex);
    });

    it('reads with a newer schema that adds a field with a default', async () => {
      const added = { name: 'note', type: ['null', 'string'], default: null };
      const reader = { ...writer, fields: [...writer.fields.slice(1), added] };
      const value = await judge.decode(Buffer.from(hex, 'hex'), { writer, reader });
      assert.deepEqual(value, { kind: 'B', inner: json.inner, note: null });
    });

    it('refuses bytes left over, unknown fields and unknown branches', async () => {
      const invalid = (error: unknown): boolean => hasCode(error, 'AVRO_INVALID');
      await assert.rejects(judge.decode(Buffer.from(`${hex}00`, 'hex'), { writer }), invalid);
      await assert.rejects(judge.encode({ ...json, more: 1 }, { writer }), invalid);
      await assert.rejects(judge.encode({ ...json, value: { int: 5 } }, { writer }), invalid);
    });
  });

  describe('raw devices', () => {
    it('account for lost ACKs, late ACKs and resets', async () => {
      // Number 2 is acknowledged at its second transmission, 3 never, 4 only after it was given up, 6 is reset.
      const server = await ScriptedServer.open({
        2: (transmission) => (transmission === 1 ? 'silence' : 'acknowledge'),
        3: () => 'silence',
        4: (transmission) => (transmission === 1 ? 'silence' : 'late'),
        6: () => 'reset',
      });
      const devices = await startRawDevices({
        server: `127.0.0.1:${server.port}`,
        prefix: 'accountant-',
        ratePerSecond: 50,
        count: 6,
        ackTimeoutMs: 400, // a stall of the machine shorter than this changes no count
        maxRetransmit: 1,
      });
      await devices.waitFor('done', 20_000);
      await devices.stop();
      await server.close();
      const values = (name: string): unknown[] => devices.eventsOf(name).map((e) => e.value);
      assert.deepEqual(values('acknowledged'), [1, 2, 5, 4]);
      assert.deepEqual(values('gaveUp'), [3, 4]);
      assert.deepEqual(values('reset'), [6]);
      const { at, ...summary } = devices.eventsOf('summary')[0]!;
      assert.equal(typeof at, 'number');
      assert.deepEqual(summary, {
        event: 'summary',
        devices: 1,
        pending: 0,
        sent: 6,
        acknowledged: 4,
        acknowledgedLate: 1,
        retransmissions: 3,
        resets: 1,
        gaveUp: 2,
        duplicateAcks: 0,
      });
      assert.equal((await devices.exited).code, 0);
    });

    it('end when their parent is killed', async () => {
      const script = `const { startRawDevices } = await import(${JSON.stringify(PEERS)});
        const peer = await startRawDevices({ server: '127.0.0.1:9' });
        console.log(peer.process.pid);`;
      const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
      const pid = Number(line);
      assert.equal(isAlive(pid), true);
      parent.kill('SIGKILL');
      for (const deadline = Date.now() + 10_000; isAlive(pid) && Date.now() < deadline; ) await pause(50);
      assert.equal(isAlive(pid), false);
    });
  });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

type Reaction = 'acknowledge' | 'silence' | 'reset' | 'late';

/** Registers and observes one device, then reacts to its numbers as the script says. */
class ScriptedServer {
  readonly #socket: Socket;
  readonly #script: Readonly<Record<number, (transmission: number) => Reaction>>;
  readonly #transmissions = new Map<number, number>();
  #late: { readonly messageId: number; readonly number: number } | undefined;
  #messageId = 100;

  constructor(socket: Socket, script: Readonly<Record<number, (transmission: number) => Reaction>>) {
    this.#socket = socket;
    this.#script = script;
    socket.on('message', (datagram, from) => {
      const packet = parse(datagram);
      const reply = (answer: Parameters<typeof generate>[0]): void =>
        socket.send(generate(answer), from.port, from.address);
      if (packet.code === '0.02') this.#register(packet, reply);
      else if (packet.code === '0.04')
        reply({ ack: true, code: '2.02', messageId: packet.messageId, token: packet.token });
      else if (packet.code === '2.05' && packet.confirmable) this.#notified(packet, reply);
    });
  }

  static async open(script: Readonly<Record<number, (transmission: number) => Reaction>>): Promise<ScriptedServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new ScriptedServer(socket, script);
  }

  get port(): number {
    return (this.#socket.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #register(packet: ParsedPacket, reply: (answer: Parameters<typeof generate>[0]) => void): void {
    const options = ['rd', '1'].map((part) => ({ name: 'Location-Path' as const, value: Buffer.from(part) }));
    reply({ ack: true, code: '2.01', messageId: packet.messageId, token: packet.token, options });
    const path = ['3303', '0', '5700'].map((part) => ({ name: 'Uri-Path' as const, value: Buffer.from(part) }));
    const observe = { name: 'Observe' as const, value: Buffer.alloc(0) };
    this.#messageId += 1;
    reply({
      confirmable: true,
      code: '0.01',
      messageId: this.#messageId,
      token: Buffer.from('t1'),
      options: [observe, ...path],
    });
  }

  #notified(packet: ParsedPacket, reply: (answer: Parameters<typeof generate>[0]) => void): void {
    const number = Number(packet.payload.toString());
    const transmission = (this.#transmissions.get(number) ?? 0) + 1;
    this.#transmissions.set(number, transmission);
    const reaction = this.#script[number]?.(transmission) ?? 'acknowledge';
    if (reaction === 'reset') reply({ reset: true, code: '0.00', messageId: packet.messageId });
    if (reaction === 'late') this.#late = { messageId: packet.messageId, number };
    if (reaction !== 'acknowledge') return;
    reply({ ack: true, code: '0.00', messageId: packet.messageId });
    // By now the device has given the late one up, else it would not have sent the next number.
    if (this.#late !== undefined && number > this.#late.number)
      reply({ ack: true, code: '0.00', messageId: this.#late.messageId });
    this.#late = undefined;
  }
}
