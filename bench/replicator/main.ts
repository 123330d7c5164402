import { PlatformError } from '../../common/errors.ts';
import { parseSettings, settingsHelp } from '../../common/settings.ts';
import { benchReplicator } from './run.ts';
import { REPLICATOR_BENCH_SETTINGS } from './settings.ts';

/** Measures our replicator beside MirrorMaker 2 and a mirror on franz-go: `npm run bench:replicator`. */
async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    const rows = settingsHelp(REPLICATOR_BENCH_SETTINGS);
    const flags = rows.map(({ flag, about, standard }) => `  ${flag.padEnd(26)} ${about} (${standard})`);
    process.stdout.write(`Usage: npm run bench:replicator -- [flags]\n\n${flags.join('\n')}\n`);
    return;
  }
  const { settings, positionals } = parseSettings(REPLICATOR_BENCH_SETTINGS, { args, env: {} });
  if (positionals.length > 0)
    throw new PlatformError('USAGE', `bench:replicator takes no ${JSON.stringify(positionals[0])}`);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  await benchReplicator(settings, { signal: stopping.signal });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof PlatformError ? `${error.code}: ${error.message}` : error);
  process.exitCode = error instanceof PlatformError && error.code === 'SHUTTING_DOWN' ? 130 : 1;
});
