import { PlatformError } from '../../common/errors.ts';
import { parseSettings, settingsHelp } from '../../common/settings.ts';
import { benchServer } from './run.ts';
import { SERVER_SETTINGS } from './settings.ts';

/** Measures the LwM2M server beside the Java peer of the yardstick: `npm run bench:server`. */
async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    const rows = settingsHelp(SERVER_SETTINGS);
    const flags = rows.map(({ flag, about, standard }) => `  ${flag.padEnd(18)} ${about} (${standard})`);
    process.stdout.write(`Usage: npm run bench:server -- [flags]\n\n${flags.join('\n')}\n`);
    return;
  }
  const { settings, positionals } = parseSettings(SERVER_SETTINGS, { args, env: {} });
  if (positionals.length > 0)
    throw new PlatformError('USAGE', `bench:server takes no ${JSON.stringify(positionals[0])}`);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  await benchServer(settings, { signal: stopping.signal });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof PlatformError ? `${error.code}: ${error.message}` : error);
  process.exitCode = error instanceof PlatformError && error.code === 'SHUTTING_DOWN' ? 130 : 1;
});
