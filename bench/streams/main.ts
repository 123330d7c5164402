import { PlatformError } from '../../common/errors.ts';
import { parseSettings, settingsHelp } from '../../common/settings.ts';
import { benchStreams } from './run.ts';
import { STREAMS_BENCH_SETTINGS } from './settings.ts';

/** Measures maxper30sec beside Kafka Streams: `npm run bench:streams`. */
async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    const rows = settingsHelp(STREAMS_BENCH_SETTINGS);
    const flags = rows.map(({ flag, about, standard }) => `  ${flag.padEnd(18)} ${about} (${standard})`);
    process.stdout.write(`Usage: npm run bench:streams -- [flags]\n\n${flags.join('\n')}\n`);
    return;
  }
  const { settings, positionals } = parseSettings(STREAMS_BENCH_SETTINGS, { args, env: {} });
  if (positionals.length > 0)
    throw new PlatformError('USAGE', `bench:streams takes no ${JSON.stringify(positionals[0])}`);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  await benchStreams(settings, { signal: stopping.signal });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof PlatformError ? `${error.code}: ${error.message}` : error);
  process.exitCode = error instanceof PlatformError && error.code === 'SHUTTING_DOWN' ? 130 : 1;
});
