/**
 * Foreign peers as child processes: devices, a Modbus server and an Avro implementation that share no code with zeelos.
 * Each is provisioned at its first use (Python environment, Maven build) into the cache and needs no network afterwards.
 *
 * Errors of all functions: STACK_TOOL_MISSING (with the apt line), STACK_FETCH_FAILED, STACK_START_FAILED.
 */
import { join } from 'node:path';
import { type Fastavro, FastavroJudge } from './fastavro.ts';
import { freeUdpPort } from './free-port.ts';
import { type Peer, type PeerOptions, startPeer, untilUp } from './peer-process.ts';
import { provideLeshanDevice, providePython } from './provision.ts';

export type { AvroJob, Fastavro } from './fastavro.ts';
export { provideLibcoap } from './libcoap.ts';
export type { EventMatch, Peer, PeerEvent, PeerExit, PeerOptions } from './peer-process.ts';
export { stopAllPeers } from './peer-process.ts';
export { provideLeshanClients, provideLeshanDevice, providePython } from './provision.ts';

const HERE = import.meta.dirname;
/** An interpreter with its imports, on a machine that is busy with other things. */
const START_TIMEOUT_MS = 30_000;

export interface LeshanDeviceOptions extends PeerOptions {
  /** `coap://127.0.0.1:5683` */
  readonly serverUri: string;
  readonly endpoint: string;
  /** Default 300. Below about 12 s Leshan updates every 2 s. */
  readonly lifetimeSeconds?: number;
  /** Pause between two values of each of the two sensors, /3303/0 and /3303/1. Default 1000. */
  readonly intervalMs?: number;
  /** Values per sensor, then silence. Default 0: no end. */
  readonly count?: number;
}

/** A device on Leshan 2.0.0-M15. It comes up without the server; wait for `registered`. */
export async function startLeshanDevice(o: LeshanDeviceOptions): Promise<Peer> {
  const classPath = await provideLeshanDevice();
  // A small heap and the quick compiler: it starts faster and leaves the machine to what is tested.
  const jvm = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const properties = ['-Dpeer.exitWithStdin=true', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
  const program = ['-cp', classPath, 'zeelos.peer.LeshanDevice'];
  const numbers = [o.lifetimeSeconds ?? 300, o.intervalMs ?? 1000, o.count ?? 0].map(String);
  return startPeer('leshan', 'java', [...jvm, ...properties, ...program, o.serverUri, o.endpoint, ...numbers], o);
}

export interface AiocoapDeviceOptions extends PeerOptions {
  /** `127.0.0.1:5683` */
  readonly server: string;
  readonly endpoint: string;
  /** Its own UDP port, for both roles. */
  readonly port: number;
  /** Default 60. */
  readonly lifetimeSeconds?: number;
  /** Shortest pause between an acknowledged number and the next. Default 1000. */
  readonly intervalMs?: number;
  /** Numbers to send. Default 0: no end. */
  readonly count?: number;
  /** Default 1. */
  readonly first?: number;
  /** False: it goes without a word at the end. Default true. */
  readonly deregister?: boolean;
}

/** A device on aiocoap 0.4.17 that numbers its notifications, in lock-step with their ACKs. */
export async function startAiocoapDevice(o: AiocoapDeviceOptions): Promise<Peer> {
  const settings = { lifetime: o.lifetimeSeconds, 'interval-ms': o.intervalMs, count: o.count, first: o.first };
  const flags = o.deregister === false ? ['--no-deregister'] : [];
  const required = { server: o.server, endpoint: o.endpoint, port: o.port };
  const peer = await startPython(
    'aiocoap',
    'aiocoap-device/device.py',
    [...args({ ...required, ...settings }), ...flags],
    o,
  );
  await untilUp(peer, 'listening', START_TIMEOUT_MS);
  return peer;
}

/** A device of LwM2M 1.1 on aiocoap and cbor2, under remote control (device11.py says how). It registers when told. */
export async function startAiocoapDevice11(o: { readonly server: string; readonly endpoint: string }): Promise<Peer> {
  const script = join(HERE, 'aiocoap-device/device11.py');
  const port = String(await freeUdpPort());
  const peer = await startPeer('aiocoap-1.1', await providePython(), [script, o.server, o.endpoint, port]);
  await untilUp(peer, 'listening', START_TIMEOUT_MS);
  return peer;
}

export interface RawDevicesOptions extends PeerOptions {
  /** `127.0.0.1:5683` */
  readonly server: string;
  /** Default 1. */
  readonly devices?: number;
  /** Notifications per second and device. Default 1. */
  readonly ratePerSecond?: number;
  /** Numbers per device, then `done`. Default 0: no end. */
  readonly count?: number;
  /** Default 1. */
  readonly first?: number;
  /** Endpoint names are `<prefix>0`, `<prefix>1`, …. Default `raw-`. */
  readonly prefix?: string;
  /** Default 60. */
  readonly lifetimeSeconds?: number;
  /** A device not observed this long after its registration reports `notObserved`. Default 0: never. */
  readonly observeWaitSeconds?: number;
  /** Default 200. */
  readonly registerPerSecond?: number;
  /** ACK_TIMEOUT of RFC 7252 §4.8. Default 2000. */
  readonly ackTimeoutMs?: number;
  /** MAX_RETRANSMIT of RFC 7252 §4.8. Default 4. */
  readonly maxRetransmit?: number;
  /** Longest wait for the last ACKs when stopped. Default 2000. */
  readonly drainMs?: number;
  /** False: the devices go without a word at the end. Default true. */
  readonly deregister?: boolean;
}

/** Raw-socket devices that number their notifications and account for every ACK. `stop` brings the event `summary`. */
export async function startRawDevices(o: RawDevicesOptions): Promise<Peer> {
  const flags = o.deregister === false ? ['--no-deregister'] : [];
  const load = { devices: o.devices, rate: o.ratePerSecond, count: o.count, first: o.first, prefix: o.prefix };
  const waits = { lifetime: o.lifetimeSeconds, 'observe-wait': o.observeWaitSeconds, 'drain-ms': o.drainMs };
  const message = { 'ack-timeout-ms': o.ackTimeoutMs, 'max-retransmit': o.maxRetransmit };
  const all = args({ server: o.server, ...load, ...waits, ...message, 'register-per-second': o.registerPerSecond });
  return startPython('raw-devices', 'raw-device/device.py', [...all, ...flags], o);
}

export interface ModbusServerOptions extends PeerOptions {
  /** Default 0: any free one. */
  readonly port?: number;
  /** Unit ids from 1 to 60. Default [1]. */
  readonly units?: readonly number[];
}

/** pymodbus 3.16.1 with the contents that modbus-server.py lists. */
export async function startModbusServer(o: ModbusServerOptions = {}): Promise<Peer & { readonly port: number }> {
  const peer = await startPython('modbus', 'modbus-server.py', args({ port: o.port, units: o.units?.join(',') }), o);
  const { port } = await untilUp(peer, 'listening', START_TIMEOUT_MS);
  return Object.assign(peer, { port: Number(port) });
}

/** fastavro 1.13.1. @param o.schemas folder of self-contained .avsc files */
export async function fastavro(o: { readonly schemas?: string } = {}): Promise<Fastavro> {
  const script = [join(HERE, 'fastavro_check.py'), ...args({ schemas: o.schemas })];
  const peer = await startPeer('fastavro', await providePython(), script, { keepEvents: false });
  await untilUp(peer, 'ready', START_TIMEOUT_MS);
  return new FastavroJudge(peer);
}

async function startPython(name: string, script: string, options: string[], o: PeerOptions): Promise<Peer> {
  return startPeer(name, await providePython(), [join(HERE, script), ...options, '--exit-with-stdin'], o);
}

/** `--name value` for each value that is given. */
function args(values: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}
