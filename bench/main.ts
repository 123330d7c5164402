import { PlatformError } from '../common/errors.ts';
import { createLog, type Log } from '../common/log.ts';
import { parseSettings, type SettingsOf, type SettingsTable, settingsHelp } from '../common/settings.ts';
import { MEMORY_SETTINGS, memory } from './memory.ts';
import { NOTIFICATIONS_SETTINGS, notifications } from './notifications.ts';
import { RECORD_BATCHES_SETTINGS, recordBatches } from './record-batches.ts';
import { benchReplicator } from './replicator/run.ts';
import { REPLICATOR_BENCH_SETTINGS } from './replicator/settings.ts';
import { RESTART_SETTINGS, restart } from './restart.ts';
import { benchServer } from './server/run.ts';
import { SERVER_SETTINGS } from './server/settings.ts';
import { START_SETTINGS, start } from './start.ts';
import { benchStreams } from './streams/run.ts';
import { STREAMS_BENCH_SETTINGS } from './streams/settings.ts';

/** One benchmark: prints a JSON line for each measurement, and a last one with what they come to. */
interface Benchmark<T extends SettingsTable = SettingsTable> {
  readonly about: string;
  readonly settings: T;
  run(settings: SettingsOf<T>, context: { readonly log: Log; readonly signal: AbortSignal }): Promise<void>;
}

function benchmark<T extends SettingsTable>(definition: Benchmark<T>): Benchmark {
  return definition as unknown as Benchmark;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  notifications: benchmark({
    about: 'confirmable notifications per second that are acknowledged and committed in Kafka',
    settings: NOTIFICATIONS_SETTINGS,
    run: notifications,
  }),
  memory: benchmark({
    about: 'memory of the services of one gateway, idle and under load',
    settings: MEMORY_SETTINGS,
    run: memory,
  }),
  start: benchmark({
    about: 'time until each server and service of `zeelos up` is ready, and its memory',
    settings: START_SETTINGS,
    run: start,
  }),
  restart: benchmark({
    about: 'time until the LwM2M server is ready with the devices that its state topic holds',
    settings: RESTART_SETTINGS,
    run: restart,
  }),
  'record-batches': benchmark({
    about: 'what the replicator does with record batches in memory: joined, readdressed, compressed',
    settings: RECORD_BATCHES_SETTINGS,
    run: recordBatches,
  }),
  server: benchmark({
    about: 'the LwM2M server beside a Java peer, with the yardstick; the same as `npm run bench:server`',
    settings: SERVER_SETTINGS,
    run: benchServer,
  }),
  replicator: benchmark({
    about:
      'our replicator beside MirrorMaker 2 and a mirror on franz-go, with the yardstick; the same as `npm run bench:replicator`',
    settings: REPLICATOR_BENCH_SETTINGS,
    run: benchReplicator,
  }),
  streams: benchmark({
    about: 'maxper30sec beside Kafka Streams, and the restoring of its state; the same as `npm run bench:streams`',
    settings: STREAMS_BENCH_SETTINGS,
    run: benchStreams,
  }),
};

function help(): string {
  const parts = Object.entries(BENCHMARKS).map(([name, { about, settings }]) => {
    const flags = settingsHelp(settings).map((row) => `    ${row.flag.padEnd(18)} ${row.about} (${row.standard})`);
    return [`  ${name}: ${about}`, ...flags].join('\n');
  });
  return `Usage: npm run bench -- <name> [flags]\n\n${parts.join('\n')}\n`;
}

async function main([name, ...args]: readonly string[]): Promise<void> {
  const found = name !== undefined && Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (found === undefined || args.includes('--help')) {
    process.stdout.write(help());
    process.exitCode = args.includes('--help') ? 0 : 2;
    return;
  }
  const { settings, positionals } = parseSettings(found.settings, { args, env: {} });
  if (positionals.length > 0) throw new PlatformError('USAGE', `${name} takes no ${JSON.stringify(positionals[0])}`);
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort()).once('SIGTERM', () => stopping.abort());
  await found.run(settings, { log: createLog('bench', 'warn'), signal: stopping.signal });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof PlatformError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
