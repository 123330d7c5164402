import modbus from 'modbus-serial';
import { jsonLine } from '../../bin/json-line.ts';
import type { AvroResponse } from '../../schemas/generated/records.ts';
import { type CommandRun, zeelosRequest } from './command-line.ts';
import {
  type CommandCase,
  commandLanes,
  type DeviceView,
  identityOf,
  identityOfReply,
  type Lane,
  OBSERVE_TICKET,
} from './command-list.ts';
import { type Devices, MODBUS_UNIT } from './devices.ts';
import { ReplyWatch } from './reply-watch.ts';
import type { Run } from './run.ts';
import { held, until } from './waiting.ts';

const SUCCESS: ReadonlySet<string> = new Set(['CREATED', 'DELETED', 'CHANGED', 'CONTENT']);
const EXIT_REFUSED = 3;
/** A device says what it did after it answered. */
const DONE_TIMEOUT_MS = 10_000;
const NOTIFIED_TIMEOUT_MS = 20_000;

/** Sends one command of each kind from the cloud, and bad ones; each must get exactly one reply. */
export async function checkCommands(run: Run, devices: Devices): Promise<void> {
  const { site, signal, log } = run;
  const watch = await ReplyWatch.start({
    kafka: site.kafka.cloud,
    topic: site.topic('replies'),
    reader: site.readers.replies,
    signal,
    log,
  });
  try {
    const view = await viewOf(devices);
    const lanes = Object.values(commandLanes(site.gatewayId));
    const replies = (await Promise.all(lanes.map((lane) => runLane(run, lane, view.devices)))).flat();
    await view.close();
    await account(run, watch, replies);
    run.findings.expect(
      await hasNotified(run),
      `no notification came into the cloud under the ticket of the observe command`,
    );
  } finally {
    await watch.stop();
  }
}

async function runLane(run: Run, lane: Lane, devices: DeviceView): Promise<AvroResponse[]> {
  const replies: AvroResponse[] = [];
  for (const one of lane) {
    const outcome = await zeelosRequest(one.words, run.folder, run.signal);
    const fault = faultOf(one, outcome) ?? (await undone(one, devices, run.signal));
    const { reply } = outcome;
    const told =
      reply === undefined ? one.words.join(' ') : `${reply.ep} ${reply.rep.kind} ${reply.path}: ${reply.rep.code}`;
    if (fault === undefined) run.findings.progress(`command ${told}`);
    else run.findings.fault(`command ${told}: ${fault}`);
    if (reply !== undefined) replies.push(reply);
  }
  return replies;
}

function faultOf(one: CommandCase, { exitCode, reply, stdout, stderr }: CommandRun): string | undefined {
  if (reply === undefined)
    return `exit code ${exitCode}, printed ${JSON.stringify(stdout)} and ${JSON.stringify(stderr)}`;
  const body = jsonLine(reply.rep.body);
  if (reply.rep.code !== one.code) return `not ${one.code} but ${reply.rep.code} ${body}`;
  const wanted = SUCCESS.has(one.code) ? 0 : EXIT_REFUSED;
  if (exitCode !== wanted) return `exit code ${exitCode} instead of ${wanted}`;
  return one.holds === undefined || one.holds(body) ? undefined : `unexpected body ${body}`;
}

async function undone(one: CommandCase, devices: DeviceView, signal: AbortSignal): Promise<string | undefined> {
  const { done } = one;
  if (done === undefined) return undefined;
  const o = { what: 'done by the device', timeoutMs: DONE_TIMEOUT_MS, signal };
  try {
    await until(async () => held(await done(devices)), o);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return String(error);
  }
}

/** One reply to each request of the cloud topic, none without a request, and the times. */
async function account({ site, findings }: Run, watch: ReplyWatch, replies: readonly AvroResponse[]): Promise<void> {
  const records = await site.records('cloud', 'requests');
  const requests = await site.decoded(records, site.readers.requests);
  const asked = new Map(requests.map((one, i) => [identityOf(one, one.payload.kind), records[i]!.timestampMs]));
  findings.expect(asked.size === records.length, 'two commands went under one identity');
  findings.expect(
    asked.size === replies.length,
    `${asked.size} commands in the cloud topic, ${replies.length} replies`,
  );
  for (const identity of asked.keys()) {
    const count = watch.arrivals.get(identity)?.length ?? 0;
    findings.expect(count === 1, `${count} replies in the cloud to ${identity}`);
  }
  for (const identity of watch.arrivals.keys())
    findings.expect(asked.has(identity), `a reply without a request: ${identity}`);
  for (const reply of replies) {
    const identity = identityOfReply(reply);
    const ms = (watch.arrivals.get(identity)?.[0] ?? Number.NaN) - (asked.get(identity) ?? Number.NaN);
    findings.report.commands.push({ kind: reply.rep.kind, path: reply.path, code: reply.rep.code, ms });
  }
}

async function hasNotified({ site, signal }: Run): Promise<boolean> {
  const o = { what: 'a notification of the observe command', timeoutMs: NOTIFIED_TIMEOUT_MS, signal, pauseMs: 1_000 };
  try {
    return await until(async () => {
      const records = await site.decoded(await site.records('cloud', 'observations'), site.readers.observations);
      return held(records.some(({ ticket }) => ticket === OBSERVE_TICKET));
    }, o);
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

async function viewOf({
  leshan,
  aiocoap,
  modbus: server,
}: Devices): Promise<{ devices: DeviceView; close(): Promise<void> }> {
  // Its types describe the CommonJS export: the class is `default` of it (and the same object when it runs).
  const client = new modbus.default();
  await client.connectTCP('127.0.0.1', { port: server.port });
  client.setTimeout(5_000);
  client.setID(MODBUS_UNIT);
  const readHoldingRegister = async (address: number): Promise<number> =>
    (await client.readHoldingRegisters(address, 1)).data[0]!;
  return {
    devices: { leshan, aiocoap, readHoldingRegister },
    close: () => new Promise((resolve) => client.close(() => resolve())),
  };
}
