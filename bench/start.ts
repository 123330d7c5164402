import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SERVICES } from '../bin/service-table.ts';
import { sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { wholeNumber } from '../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';
import { SERVER_NAMES } from '../stack/stack.ts';
import {
  freeSystemPorts,
  type MeasuredSystemOptions,
  memoryOfServices,
  startMeasuredSystem,
  togetherMb,
} from './measured-system.ts';
import { calm, residentMb } from './processes.ts';

export const START_SETTINGS = {
  starts: { about: 'starts on the same data; the first finds none', schema: wholeNumber(1, 20).default(2) },
} as const satisfies SettingsTable;

/** Services come to rest after their first records and collections. */
const REST_MS = 10_000;

/** Starts all that `zeelos up` starts and tells when each part was ready; programs must have been fetched before. */
export async function start(
  settings: SettingsOf<typeof START_SETTINGS>,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-'));
  const options = {
    folder,
    ports: await freeSystemPorts(),
    services: DEFAULT_SERVICES,
    observe: ['/3303/*/5700'],
    log,
    signal,
  };
  const readyMs: Record<string, number>[] = [];
  try {
    for (let number = 1; number <= settings.starts && !signal.aborted; number++) {
      const line = await measure(options, number);
      readyMs.push(line.readyMs);
      console.log(JSON.stringify(line));
    }
    const allMs = readyMs.map((times) => Math.max(...Object.values(times)));
    console.log(JSON.stringify({ benchmark: 'start', allMs, cores: availableParallelism(), node: process.version }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(options: MeasuredSystemOptions, number: number) {
  const quiet = await calm();
  const startedAtMs = performance.now();
  const readyMs: Record<string, number> = {};
  const note = (name: string) => () => {
    readyMs[name] = Math.round(performance.now() - startedAtMs);
  };
  const system = await startMeasuredSystem(options);
  try {
    await Promise.all([
      ...SERVER_NAMES.map((name) => system.stack.ready(name).then(note(name))),
      ...options.services.map((name) => system.ready(name).then(note(name))),
    ]);
    await sleep(REST_MS, options.signal);
    const services = memoryOfServices(system, options.services);
    const servers = Object.fromEntries(SERVER_NAMES.map((name) => [name, residentMb(system.stack.pid(name)!)]));
    return {
      benchmark: 'start',
      number,
      readyMs,
      serverMb: servers,
      services,
      servicesTogetherMb: togetherMb(services),
      ...quiet,
    };
  } finally {
    await system.stop();
  }
}
