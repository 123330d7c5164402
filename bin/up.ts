import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../common/errors.ts';
import { untilAborted } from '../common/lifecycle.ts';
import type { SettingsOf } from '../common/settings.ts';
import { type CommandContext, EXIT, type ExitCode } from './command.ts';
import { servicesWith } from './service-table.ts';
import { type System, startSystem } from './system.ts';
import { DEFAULT_SYSTEM_PORTS, shifted } from './system-ports.ts';
import type { UP_SETTINGS } from './up-settings.ts';

type UpSettings = SettingsOf<typeof UP_SETTINGS>;

const DEMO_MAPPING = fileURLToPath(new URL('../adapters/modbus/demo-mapping.json', import.meta.url));

/** Runs the whole chain in the foreground until it is stopped. */
export async function up(settings: UpSettings, { signal, log }: CommandContext): Promise<ExitCode> {
  const startedAt = Date.now();
  const system = await startSystem({
    dataDir: settings.dataDir,
    ports: shifted(DEFAULT_SYSTEM_PORTS, settings.portOffset),
    gatewayId: settings.gatewayId,
    edgeDurability: settings.edgeDurability,
    services: servicesWith({ analyses: settings.analyses, simulated: settings.devices > 0 }),
    observe: settings.observe,
    modbusMapping: demoMapping(settings.dataDir, settings.portOffset),
    simulatedDevices: settings.devices,
    ...(settings.alarmRules === undefined ? {} : { alarmRules: resolve(settings.alarmRules) }),
    log,
    onProgress: say,
    signal,
  });
  try {
    await followStart(system, startedAt, signal);
    await untilAborted(signal);
  } finally {
    say('\nstopping; data stays in the data folder');
    await system.stop();
  }
  return EXIT.ok;
}

/** The chain is shown as soon as values can flow through both clusters; a first build of InfluxDB goes on beside it. */
async function followStart(system: System, startedAt: number, signal: AbortSignal): Promise<void> {
  const influx = system.stores('influxdb').then(
    () => true,
    (error: unknown) => {
      if (!signal.aborted) say(`InfluxDB cannot be used: ${messageOf(error)}`);
      return false;
    },
  );
  const rest = ['lwm2m-server', 'replicator', 'modbus'] as const;
  const flows = Promise.all([...rest.map((name) => system.ready(name)), system.stores('orientdb')]);
  await Promise.race([flows, untilAborted(signal)]);
  if (signal.aborted) return;
  const already = await Promise.race([influx, Promise.resolve('building' as const)]);
  say(overview(system, already === true, Date.now() - startedAt));
  if (already === 'building')
    void influx.then((ready) => ready && !signal.aborted && say('InfluxDB is ready: values arrive there too now'));
}

function overview({ addresses, gatewayId }: System, influxReady: boolean, tookMs: number): string {
  const health = (name: string) => `http://127.0.0.1:${addresses.health[name]}/metrics`;
  return `
zeelos runs, after ${(tookMs / 1_000).toFixed(1)} s. Ctrl-C stops everything.

  LwM2M server ${gatewayId.padEnd(10)}  coap://127.0.0.1:${addresses.coapPort}   ${health('lwm2m-server')}
  REST of the server       ${addresses.restUrl}/api/v1/devices   (docs/rest.md)
  Modbus simulator         127.0.0.1:${addresses.modbusPort}, behind the adapter
  Kafka at the edge        ${addresses.edgeBrokers}
  replicator               ${health('replicator')}
  Kafka in the cloud       ${addresses.cloudBrokers}
  schema registry          ${addresses.registryUrl}
  connectors               ${addresses.connectUrl}/connectors   ${health('connect')}
  InfluxDB                 ${addresses.influxUrl}${influxReady ? '' : '   (still being built or started; values wait in Kafka)'}
  OrientDB                 ${addresses.orientUrl}

Try in another terminal, in this folder:

  npx zeelos status
  npx zeelos graph ${gatewayId}
  npx zeelos tail iot.${gatewayId}.observations
${Object.hasOwn(addresses.health, 'stream-maxper30sec') ? `  npx zeelos tail analytics.${gatewayId}.observations.maxper30sec\n` : ''}  npx zeelos request ${gatewayId} sensor-1 read /3303/0/5700
`;
}

/** The demo's mapping names the standard port of the simulator; with shifted ports the adapter reads a copy that names the shifted one. */
function demoMapping(dataDir: string, offset: number): string {
  if (offset === 0) return DEMO_MAPPING;
  const mapping = JSON.parse(readFileSync(DEMO_MAPPING, 'utf8')) as { connection: { port: number } };
  mapping.connection.port += offset;
  // The port is part of the name: a start that finds the folder in use changes nothing for who uses it.
  const file = join(dataDir, `modbus-mapping-${mapping.connection.port}.json`);
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(file, `${JSON.stringify(mapping, null, 2)}\n`);
  return file;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
