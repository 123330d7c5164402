import { PlatformError } from '../../common/errors.ts';
import { parseSettings, settingsHelp } from '../../common/settings.ts';
import { benchConnect } from './run.ts';
import { CONNECT_BENCH_SETTINGS } from './settings.ts';

/** Measures connectors on real servers: `npm run bench:connect`. */
async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    const rows = settingsHelp(CONNECT_BENCH_SETTINGS);
    const flags = rows.map(({ flag, about, standard }) => `  ${flag.padEnd(18)} ${about} (${standard})`);
    process.stdout.write(`Usage: npm run bench:connect -- [flags]\n\n${flags.join('\n')}\n`);
    return;
  }
  const { settings, positionals } = parseSettings(CONNECT_BENCH_SETTINGS, { args, env: {} });
  if (positionals.length > 0)
    throw new PlatformError('USAGE', `bench:connect takes no ${JSON.stringify(positionals[0])}`);
  const result = await benchConnect(settings, (line) => {
    if (!settings.json) console.log(JSON.stringify(line));
  });
  console.log(JSON.stringify(result));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof PlatformError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
