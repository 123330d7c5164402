import { join } from 'node:path';
import type { ServiceName } from '../../bin/service-table.ts';
import { type System, startSystem } from '../../bin/system.ts';
import { freeSystemPorts } from '../../bin/system-ports.ts';
import type { Log } from '../../common/log.ts';
import { SERVER_NAMES } from '../../stack/stack.ts';
import { provideLeshanDevice, providePython } from '../peers/peers.ts';
import { checkCommands } from './commands.ts';
import { Devices, RAW_NAMES, startModbusUnit } from './devices.ts';
import { checkAccounts, checkNoRepeats } from './final-account.ts';
import { checkGraph } from './graph-account.ts';
import { killServices } from './kills.ts';
import { cloudOutage } from './outage.ts';
import type { Findings } from './report.ts';
import type { Run } from './run.ts';
import { dataDirIn, Site } from './site.ts';
import { checkStatus } from './status-check.ts';
import { held, unlessAborted, until } from './waiting.ts';

/** As in the README of the original system, whose examples are typed here. */
const GATEWAY_ID = 'rock64';
const SERVICES: readonly ServiceName[] = ['lwm2m-server', 'replicator', 'connect', 'stream-maxper30sec', 'modbus'];
const OBSERVE = ['/3303/*/5700'];

/** Building InfluxDB takes minutes on the first run of a machine; the run itself has its own deadline. */
const PROVISION_DEADLINE_MS = 20 * 60_000;
const RUN_DEADLINE_MS = 8 * 60_000;
const DEVICES_TIMEOUT_MS = 30_000;

export interface SmokeOptions {
  readonly folder: string;
  readonly findings: Findings;
  readonly outageMs: number;
  /** Aborted from outside to stop, and from here at a deadline. */
  readonly stopping: AbortController;
  readonly log: Log;
}

/** Starts everything, checks every hop, stops everything. Faults are in the findings; throws where a run cannot go on. */
export async function smoke(o: SmokeOptions): Promise<void> {
  const { findings, stopping, folder, log } = o;
  const { signal } = stopping;
  let deadline = deadlineIn(PROVISION_DEADLINE_MS, stopping);
  let system: System | undefined;
  try {
    const peersReady = Promise.all([provideLeshanDevice(), providePython()]);
    peersReady.catch(() => undefined);
    const mappingFile = join(folder, 'modbus-mapping.json');
    const modbusUnit = await unlessAborted(startModbusUnit(mappingFile), signal);
    system = await startSystem({
      dataDir: dataDirIn(folder),
      ports: await freeSystemPorts(),
      gatewayId: GATEWAY_ID,
      services: SERVICES,
      observe: OBSERVE,
      modbusMapping: mappingFile,
      log,
      onProgress: (line) => findings.progress(line),
    });
    await unlessAborted(allReady(system, peersReady), signal);
    clearTimeout(deadline);
    deadline = deadlineIn(RUN_DEADLINE_MS, stopping);
    const run = { system, site: new Site(system, { log, signal }), findings, folder, signal, log };
    const devices = await unlessAborted(Devices.start(system.addresses.coapPort, modbusUnit), signal);
    await drive(run, devices, o.outageMs);
    findings.complete();
  } finally {
    clearTimeout(deadline);
    findings.progress('stopping');
    await system?.stop();
  }
}

async function allReady(system: System, peers: Promise<unknown>): Promise<void> {
  await Promise.all([
    ...SERVER_NAMES.map((name) => system.stack.ready(name)),
    ...SERVICES.map((name) => system.ready(name)),
    peers,
  ]);
}

async function drive(run: Run, devices: Devices, outageMs: number): Promise<void> {
  const { findings, signal } = run;
  const waiting = { timeoutMs: DEVICES_TIMEOUT_MS, signal };
  await until(() => held(devices.account.observed.size === RAW_NAMES.length), {
    what: 'all raw devices are observed',
    ...waiting,
  });
  await devices.leshan.waitFor('registered', DEVICES_TIMEOUT_MS);
  findings.progress(`${devices.names.length} devices`);
  await checkGraph(run, devices.names, true);
  await checkStatus(run);
  await checkCommands(run, devices);
  await checkNoRepeats(run);
  await cloudOutage(run, devices, outageMs);
  await killServices(run, devices);
  await checkStatus(run);
  await checkGraph(run, devices.names, true);
  findings.report.devices = devices.names.length;
  await unlessAborted(devices.stop(), signal);
  await run.system.service('modbus').stop();
  await checkGraph(run, devices.names, false);
  await checkAccounts(run, devices);
}

function deadlineIn(ms: number, stopping: AbortController): NodeJS.Timeout {
  return setTimeout(() => stopping.abort(new Error(`not done within ${ms / 60_000} minutes`)), ms);
}
