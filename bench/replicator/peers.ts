import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from './run.ts';
import type { PeerName } from './settings.ts';

const BIN = fileURLToPath(new URL('../../bin/zeelos.ts', import.meta.url));
const MM2_TASKS = 2;

export interface Copy {
  readonly gatewayId: string;
  readonly topic: string;
  /** Many small batches, which ours and franz-go compress with zstd. */
  readonly isSmall: boolean;
  readonly from: string;
  readonly to: string;
}

/** The command that starts a peer and copies one topic. */
export function commandOf(peer: PeerName, copy: Copy, surroundings: Surroundings): readonly string[] {
  return { ours, mm2, franz }[peer](copy, surroundings);
}

function ours({ gatewayId, from, to }: Copy, { settings }: Surroundings): string[] {
  const flags = { 'gateway-id': gatewayId, 'edge-brokers': from, 'cloud-brokers': to, 'health-port': 0 };
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return [process.execPath, ...settings.nodeFlags, BIN, 'replicator', ...words, ...settings.replicatorFlags];
}

/** The yardstick's settings as they are, but for the compression where one is asked for. */
function mm2({ topic, from, to }: Copy, { settings, yardstick, programs, folder }: Surroundings): string[] {
  const properties = join(folder, 'mm2.properties');
  writeFileSync(
    properties,
    mm2Properties(readFileSync(yardstick.mm2Properties, 'utf8'), {
      topic,
      from,
      to,
      compression: settings.mm2Compression,
    }),
  );
  const flags = settings.mm2Java.split(/\s+/).filter((word) => word !== '');
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
  const main = 'org.apache.kafka.connect.mirror.MirrorMaker';
  return [yardstick.java, ...flags, quiet, '-cp', programs.kafkaClasses, main, properties];
}

export function mm2Properties(
  template: string,
  o: { readonly topic: string; readonly from: string; readonly to: string; readonly compression: string },
): string {
  const values: Readonly<Record<string, string>> = { SRC: o.from, DST: o.to, TOPIC: o.topic, TASKS: String(MM2_TASKS) };
  const filled = template.replace(/@(\w+)@/g, (whole, name: string) => values[name] ?? whole);
  return filled.replace(/^(cloud\.producer\.compression\.type=).*$/m, `$1${o.compression}`);
}

function franz({ topic, from, to, isSmall }: Copy, { settings, programs }: Surroundings): string[] {
  const compression = isSmall ? settings.franzSmallCompression : 'lz4';
  return [programs.franzMirror, '-from', from, '-to', to, '-topic', topic, '-compression', compression];
}
