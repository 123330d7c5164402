import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import {
  type Peer,
  startAiocoapDevice,
  startLeshanDevice,
  startModbusServer,
  startRawDevices,
} from '../peers/peers.ts';
import { FleetAccount } from './fleet-account.ts';

export const RAW_DEVICES = 20;
const RAW_RATE_PER_SECOND = 5;
const RAW_PREFIX = 'raw-';
/** Registers while the cloud is away. */
export const LATE_DEVICE = 'late-0';
export const LESHAN = 'leshan';
export const AIOCOAP = 'aiocoap';
/** The device of the README examples. */
export const README_DEVICE = 'raspberrypi-21';
export const MODBUS = 'modbus-1';
export const MODBUS_UNIT = 1;

/** The register behind /26241/0/26251. */
export const HOLDING_REGISTER = 5;

export const RAW_NAMES: readonly string[] = Array.from({ length: RAW_DEVICES }, (_, i) => `${RAW_PREFIX}${i}`);

/** What each kind of device announces, as object/instance. */
export const ANNOUNCED: Readonly<Record<string, readonly string[]>> = {
  [LESHAN]: ['1/0', '3/0', '6/0', '3303/0', '3303/1'],
  [AIOCOAP]: ['1/0', '3/0', '3303/0'],
  [README_DEVICE]: ['1/0', '3/0', '3303/0'],
  [MODBUS]: ['1/0', '3/0', '3303/0', '26241/0'],
  ...Object.fromEntries([...RAW_NAMES, LATE_DEVICE].map((name) => [name, ['1/0', '3/0', '3303/0']])),
};

/** The foreign devices of one run. Only what the loss accountant says is kept for all of them: the others are few. */
export class Devices {
  readonly account = new FleetAccount();
  readonly leshan: Peer;
  readonly aiocoap: Peer;
  readonly modbus: Peer & { readonly port: number };
  readonly #server: string;
  readonly #readme: Peer;
  readonly #raw: Peer[] = [];
  /** Endpoint names of all that were started. */
  names: readonly string[] = [LESHAN, AIOCOAP, README_DEVICE, MODBUS, ...RAW_NAMES];

  private constructor(server: string, modbus: Peer & { readonly port: number }, peers: readonly [Peer, Peer, Peer]) {
    this.#server = server;
    this.modbus = modbus;
    [this.leshan, this.aiocoap, this.#readme] = peers;
  }

  /** @param coapPort of our server, which is ready */
  static async start(coapPort: number, modbus: Peer & { readonly port: number }): Promise<Devices> {
    const server = `127.0.0.1:${coapPort}`;
    const peers = await Promise.all([
      startLeshanDevice({ serverUri: `coap://${server}`, endpoint: LESHAN }),
      freeUdpPort().then((port) => startAiocoapDevice({ server, endpoint: AIOCOAP, port })),
      freeUdpPort().then((port) => startAiocoapDevice({ server, endpoint: README_DEVICE, port })),
    ]);
    const devices = new Devices(server, modbus, peers);
    await devices.#startRaw({ devices: RAW_DEVICES, prefix: RAW_PREFIX, ratePerSecond: RAW_RATE_PER_SECOND });
    return devices;
  }

  async startLateDevice(): Promise<void> {
    this.names = [...this.names, LATE_DEVICE];
    await this.#startRaw({ devices: 1, prefix: LATE_DEVICE.slice(0, -1), ratePerSecond: RAW_RATE_PER_SECOND });
  }

  /** In order: each device de-registers. */
  async stop(): Promise<void> {
    await Promise.all([...this.#raw, this.leshan, this.aiocoap, this.#readme].map((peer) => peer.stop()));
  }

  async #startRaw(fleet: { devices: number; prefix: string; ratePerSecond: number }): Promise<void> {
    const { onEvent } = this.account;
    this.#raw.push(await startRawDevices({ server: this.#server, ...fleet, onEvent, keepEvents: false }));
  }
}

/** A Modbus server of another make, and the mapping of its registers that our adapter is given. */
export async function startModbusUnit(mappingFile: string): Promise<Peer & { readonly port: number }> {
  const server = await startModbusServer({ units: [MODBUS_UNIT] });
  const objects = {
    // Input register 0 counts seconds, so its notifications never end.
    '3303': [{ '5700': { type: 'input-register', address: 0 }, '5701': { constant: 's' } }],
    '26241': [
      {
        '26251': { type: 'holding-register', address: HOLDING_REGISTER },
        '26253': { type: 'coil', address: 3 },
      },
    ],
  };
  const units = [{ unitId: MODBUS_UNIT, endpointName: MODBUS, pollMs: 500, objects }];
  const mapping = { connection: { host: '127.0.0.1', port: server.port }, units };
  writeFileSync(mappingFile, JSON.stringify(mapping));
  return server;
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
