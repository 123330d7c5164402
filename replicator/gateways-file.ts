import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, PlatformError } from '../common/errors.ts';
import { COMPRESSIONS } from '../common/kafka/batch/compression.ts';
import { sleep } from '../common/lifecycle.ts';
import { gatewayId, hostAndPorts } from '../common/setting-types.ts';
import { type GatewayConfig, type ReplicatorSettings, sharedBy, sideAddress } from './gateway-config.ts';
import { planLanes } from './lanes.ts';
import { rateSchedule } from './rate-schedule.ts';
import { SASL_MECHANISMS } from './wire/security.ts';

/** Each has 14 connections and about 1.3 MB at rest. */
export const MOST_GATEWAYS = 500;
const MOST_FILE_BYTES = 2 ** 20;
const LOOK_MS = 2_000;

const bytes = (least: number, most: number) => z.int().min(least).max(most);
const fileName = z.string().min(1);

/** One entry of the file: as the flags of the same names, and what is missing is as the flags say. */
const ENTRY = z.strictObject({
  gatewayId,
  edgeBrokers: hostAndPorts,
  upTopics: z.array(z.string().min(1)).max(100).default([]),
  bytesPerSecond: bytes(1, 10_000_000_000).nullable().optional(),
  rateSchedule: rateSchedule.optional(),
  delivery: z.enum(['exactly-once', 'at-least-once']).optional(),
  onGap: z.enum(['continue', 'stop']).optional(),
  wanCompression: z.enum(COMPRESSIONS).optional(),
  commitBytes: bytes(65_536, 268_435_456).optional(),
  budgetBytes: bytes(4_194_304, 268_435_456).optional(),
  schemaIds: z.enum(['equal', 'translate']).optional(),
  edgeRegistryUrl: z.url().optional(),
  schemaMapFile: fileName.optional(),
  edgeTls: z.boolean().optional(),
  edgeTlsCaFile: fileName.optional(),
  edgeTlsCertFile: fileName.optional(),
  edgeTlsKeyFile: fileName.optional(),
  edgeSaslMechanism: z.enum(SASL_MECHANISMS).optional(),
  edgeSaslUsername: z.string().min(1).optional(),
  edgeSaslPasswordFile: fileName.optional(),
});

type Entry = z.output<typeof ENTRY>;

/** Reads the gateways of a hub. Errors: CONFIG_INVALID, which names the entry and what is wrong with it. */
export function readGateways(file: string, settings: ReplicatorSettings): readonly GatewayConfig[] {
  return parseGateways(textOf(file), settings, file);
}

/** @param text JSON: an array of entries */
export function parseGateways(text: string, settings: ReplicatorSettings, file: string): readonly GatewayConfig[] {
  const list = jsonOf(text, file);
  if (!Array.isArray(list)) throw invalid(file, 'expected an array of gateways');
  if (list.length > MOST_GATEWAYS)
    throw invalid(file, `${list.length} gateways; one hub takes ${MOST_GATEWAYS}: share them out over several`);
  const shared = sharedBy(settings);
  const seen = new Map<string, number>();
  return list.map((value: unknown, index) => {
    const entry = entryOf(value, index, file);
    const before = seen.get(entry.gatewayId);
    if (before !== undefined) throw invalid(file, `entry ${index} (${entry.gatewayId}): the same as entry ${before}`);
    seen.set(entry.gatewayId, index);
    try {
      return configOf(entry, settings, shared);
    } catch (error) {
      throw invalid(file, `entry ${index} (${entry.gatewayId}): ${messageOf(error)}`);
    }
  });
}

function entryOf(value: unknown, index: number, file: string): Entry {
  const result = ENTRY.safeParse(value);
  if (result.success) return result.data;
  const given = (value as { gatewayId?: unknown } | null)?.gatewayId;
  const name = typeof given === 'string' ? ` (${given.slice(0, 64)})` : '';
  const faults = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw invalid(file, `entry ${index}${name}: ${faults.join('; ')}`);
}

function configOf(
  entry: Entry,
  settings: ReplicatorSettings,
  { cloud, lanes, translation }: ReturnType<typeof sharedBy>,
): GatewayConfig {
  planLanes(entry.gatewayId, entry.upTopics);
  const edge = {
    tls: entry.edgeTls,
    tlsCaFile: entry.edgeTlsCaFile,
    tlsCertFile: entry.edgeTlsCertFile,
    tlsKeyFile: entry.edgeTlsKeyFile,
    saslMechanism: entry.edgeSaslMechanism,
    saslUsername: entry.edgeSaslUsername,
    saslPasswordFile: entry.edgeSaslPasswordFile,
  };
  return {
    gatewayId: entry.gatewayId,
    edge: sideAddress(entry.edgeBrokers, edge, 'edge '),
    cloud,
    upTopics: entry.upTopics,
    lanes: {
      ...lanes,
      delivery: entry.delivery ?? lanes.delivery,
      onGap: entry.onGap ?? lanes.onGap,
      compression: entry.wanCompression ?? lanes.compression,
      commitBytes: entry.commitBytes ?? lanes.commitBytes,
      budgetBytes: entry.budgetBytes ?? lanes.budgetBytes,
    },
    bytesPerSecond: (entry.bytesPerSecond === undefined ? settings.bytesPerSecond : entry.bytesPerSecond) ?? undefined,
    rateWindows: entry.rateSchedule ?? settings.rateSchedule,
    translation: {
      schemaIds: entry.schemaIds ?? translation.schemaIds,
      edgeRegistryUrl: entry.edgeRegistryUrl ?? translation.edgeRegistryUrl,
      cloudRegistryUrl: translation.cloudRegistryUrl,
      // Two gateways never share one.
      schemaMapFile: entry.schemaMapFile,
    },
  };
}

function textOf(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MOST_FILE_BYTES) throw invalid(file, `${size} bytes are more than ${MOST_FILE_BYTES}`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw invalid(file, `it cannot be read: ${messageOf(error)}`);
  }
}

function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(file, `it is no JSON: ${messageOf(error)}`);
  }
}

function invalid(file: string, what: string): PlatformError {
  return new PlatformError('CONFIG_INVALID', `--gateways ${file}: ${what}`);
}

/** Calls back each time that the file is another than before, until the signal is aborted. A missing file is another, too. */
export async function watchGateways(
  file: string,
  onChange: () => void,
  signal: AbortSignal,
  lookMs = LOOK_MS,
): Promise<void> {
  let known = stampOf(file);
  while (!signal.aborted) {
    await sleep(lookMs, signal);
    const now = stampOf(file);
    if (now === known || signal.aborted) continue;
    known = now;
    onChange();
  }
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}
