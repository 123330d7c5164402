import { createSocket, type Socket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/**
 * The benchmark's own source of load: devices that register, take up one observation each and then send confirmable notifications
 * in a closed loop, one unanswered per device, or at a rate. Written by hand on the socket, so that it shares no code with the server under test.
 * It keeps to a subset of flags that other load sources share: host, port, devices, prefix, inflight, duration, rate, ready-file, settle.
 * The last line on stdout is JSON.
 */
const { values: flags } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '5683' },
    devices: { type: 'string', default: '100' },
    prefix: { type: 'string', default: 'bench-' },
    inflight: { type: 'string', default: '256' },
    duration: { type: 'string', default: '10' },
    settle: { type: 'string', default: '0' },
    rate: { type: 'string', default: '0' },
    'ready-file': { type: 'string' },
  },
});
const HOST = flags.host;
const PORT = Number(flags.port);
const DEVICES = Number(flags.devices);
/** Notifications per second; 0: as many as are acknowledged. */
const RATE = Number(flags.rate);
const PACE_MS = 5;
const IN_FLIGHT = Math.min(Number(flags.inflight), DEVICES);

const REGISTERING_AT_ONCE = 64;
const READY_WITHIN_MS = 30_000;
const REPEAT_AFTER_MS = 2_000;
const DRAIN_MS = 6_000;
const [CON, ACK] = [0x40, 0x60];
const [POST, CREATED, CONTENT, FIRST_REQUEST_CODE, LAST_REQUEST_CODE] = [0x02, 0x41, 0x45, 1, 31];
const TLV = Buffer.from([0x2d, 0x16]); // 11542
const FLOAT_5700 = [0xe8, 0x16, 0x44, 0x08];

interface Device {
  readonly socket: Socket;
  readonly name: string;
  messageId: number;
  observe: number;
  token: Buffer | undefined;
  /** Notification without an ACK so far. */
  pending:
    | { readonly datagram: Buffer; readonly messageId: number; readonly firstAtMs: number; lastAtMs: number }
    | undefined;
  isRegistered: boolean;
}

const devices: Device[] = [];
const waiting: Device[] = [];
const latenciesMs: number[] = [];
const counts = { registered: 0, observed: 0, sent: 0, acked: 0, retransmitted: 0, resets: 0 };
let toRegister = 0;
let isRunning = false;
let value = 0;

function send(device: Device, datagram: Buffer): void {
  device.socket.send(datagram);
}

function header(type: number, code: number, messageId: number, token: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type | token.length, code, messageId >> 8, messageId & 0xff]), token]);
}

/** An option with a value of up to 268 bytes (RFC 7252 §3.1). */
function option(delta: number, text: string): Buffer {
  const length = text.length < 13 ? [(delta << 4) | text.length] : [(delta << 4) | 13, text.length - 13];
  return Buffer.concat([Buffer.from(length), Buffer.from(text)]);
}

function nextMessageId(device: Device): number {
  device.messageId = (device.messageId + 1) & 0xffff;
  return device.messageId;
}

function register(device: Device): void {
  const query = ['lwm2m=1.0', 'lt=86400', `ep=${device.name}`];
  const options = [
    option(11, 'rd'),
    Buffer.from([0x11, 40]),
    option(3, query[0]!),
    option(0, query[1]!),
    option(0, query[2]!),
  ];
  const body = Buffer.from('</3/0>,</3303/0>');
  send(
    device,
    Buffer.concat([header(CON, POST, nextMessageId(device), Buffer.from('r')), ...options, Buffer.from([0xff]), body]),
  );
}

/** A notification or the first answer: 2.05 with Observe, Content-Format TLV and one FLOAT. */
function contentMessage(type: number, messageId: number, device: Device): Buffer {
  const token = device.token!;
  const datagram = Buffer.allocUnsafe(4 + token.length + 4 + 3 + 1 + FLOAT_5700.length + 8);
  datagram.set([type | token.length, CONTENT, messageId >> 8, messageId & 0xff], 0);
  datagram.set(token, 4);
  let at = 4 + token.length;
  device.observe = (device.observe + 1) & 0xffffff;
  datagram[at++] = 0x63;
  at = datagram.writeUIntBE(device.observe, at, 3);
  datagram[at++] = 0x62; // Content-Format (12) after Observe (6), two bytes
  datagram.set(TLV, at);
  at += TLV.length;
  datagram[at++] = 0xff;
  datagram.set(FLOAT_5700, at);
  datagram.writeDoubleBE(value++, at + FLOAT_5700.length);
  return datagram;
}

function notify(device: Device): void {
  const messageId = nextMessageId(device);
  const nowMs = performance.now();
  const datagram = contentMessage(CON, messageId, device);
  device.pending = { datagram, messageId, firstAtMs: nowMs, lastAtMs: nowMs };
  counts.sent++;
  send(device, datagram);
}

/** Devices take turns: the one that waited longest sends next. */
function notifyNext(): void {
  const device = waiting.shift();
  if (device !== undefined) notify(device);
}

function onDatagram(device: Device, datagram: Buffer): void {
  const [first, code] = [datagram[0]!, datagram[1]!];
  const messageId = datagram.readUInt16BE(2);
  const type = first & 0x30;
  if (type === 0x20 && code === 0) onAck(device, messageId);
  else if (type === 0x30) counts.resets++;
  else if (code === CREATED) onRegistered(device);
  else if (code >= FIRST_REQUEST_CODE && code <= LAST_REQUEST_CODE) onObserve(device, datagram, messageId);
}

function onAck(device: Device, messageId: number): void {
  const { pending } = device;
  if (pending?.messageId !== messageId) return;
  device.pending = undefined;
  counts.acked++;
  latenciesMs.push(performance.now() - pending.firstAtMs);
  waiting.push(device);
  if (isRunning && RATE === 0) notifyNext();
}

function onRegistered(device: Device): void {
  if (device.isRegistered) return;
  device.isRegistered = true;
  counts.registered++;
  const next = devices[toRegister++];
  if (next !== undefined) register(next);
}

function onObserve(device: Device, datagram: Buffer, messageId: number): void {
  if (device.token === undefined) counts.observed++;
  device.token = Buffer.from(datagram.subarray(4, 4 + (datagram[0]! & 0x0f)));
  send(device, contentMessage(ACK, messageId, device));
}

function repeatOverdue(): void {
  const nowMs = performance.now();
  for (const device of devices) {
    const { pending } = device;
    if (pending !== undefined && nowMs - pending.lastAtMs > REPEAT_AFTER_MS) {
      pending.lastAtMs = nowMs;
      counts.retransmitted++;
      send(device, pending.datagram);
    }
  }
}

async function until(holds: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}

async function open(index: number): Promise<Device> {
  const socket = createSocket('udp4');
  const device: Device = {
    socket,
    name: `${flags.prefix}${index}`,
    messageId: index,
    observe: 0,
    token: undefined,
    pending: undefined,
    isRegistered: false,
  };
  socket.on('message', (datagram) => onDatagram(device, datagram));
  await new Promise<void>((resolve) => socket.connect(PORT, HOST, () => resolve()));
  return device;
}

function percentile(sorted: Float64Array, share: number): number {
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(3));
}

for (let index = 0; index < DEVICES; index++) devices.push(await open(index));
toRegister = Math.min(REGISTERING_AT_ONCE, DEVICES);
for (const device of devices.slice(0, toRegister)) register(device);
if (!(await until(() => counts.observed === DEVICES, READY_WITHIN_MS))) {
  console.error(
    `${counts.registered} of ${DEVICES} devices registered and ${counts.observed} observed after ${READY_WITHIN_MS} ms`,
  );
  process.exit(1);
}
if (flags['ready-file'] !== undefined) writeFileSync(flags['ready-file'], '');
await new Promise((resolve) => setTimeout(resolve, Number(flags.settle) * 1_000));
waiting.push(...devices);
isRunning = true;
const cpuBefore = process.cpuUsage();
const startedAtMs = performance.now();
const pacing = setInterval(() => {
  const due = Math.floor(((performance.now() - startedAtMs) / 1_000) * RATE) - counts.sent;
  for (let count = 0; count < due; count++) notifyNext();
}, PACE_MS);
for (let count = 0; count < (RATE > 0 ? 1 : IN_FLIGHT); count++) notifyNext();
const repeating = setInterval(repeatOverdue, 250);
await new Promise((resolve) => setTimeout(resolve, Number(flags.duration) * 1_000));
isRunning = false;
clearInterval(pacing);
const seconds = (performance.now() - startedAtMs) / 1_000;
const ackedInTime = counts.acked;
await until(() => counts.acked === counts.sent, DRAIN_MS);
clearInterval(repeating);
const cpu = process.cpuUsage(cpuBefore);
for (const { socket } of devices) socket.close();
const sorted = Float64Array.from(latenciesMs).sort();
console.log(
  JSON.stringify({
    registered: counts.registered,
    notifications: counts.sent,
    acked: counts.acked,
    retransmitted: counts.retransmitted,
    rst: counts.resets,
    notify_s: seconds,
    notify_per_s: ackedInTime / seconds,
    ack_p50_ms: percentile(sorted, 0.5),
    ack_p99_ms: percentile(sorted, 0.99),
    fleet_notify_cpu_s: (cpu.user + cpu.system) / 1e6,
  }),
);
