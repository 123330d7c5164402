import { ERROR_CODES, PlatformError } from '../common/errors.ts';
import { createLog } from '../common/log.ts';
import { parseSettings, type SettingsTable, settingsHelp, variableOf } from '../common/settings.ts';
import { type Command, EXIT } from './command.ts';
import { COMMANDS } from './commands.ts';

/** Variables of all sub-commands: one environment may configure several, so another's variable is no mistake. */
function variablesOfAll(): ReadonlySet<string> {
  return new Set(Object.values(COMMANDS).flatMap(({ settings }) => Object.keys(settings).map(variableOf)));
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return `Usage: zeelos <command> [flags]\n\n${lines.join('\n')}\n\nEach command: zeelos <command> --help\n`;
}

function helpOf(name: string, { about, operands, settings, examples }: Command): string {
  const rows = settingsHelp(settings as SettingsTable);
  const width = Math.max(0, ...rows.map(({ flag }) => flag.length));
  const flags = rows.map(({ flag, about: meaning, standard }) => `  ${flag.padEnd(width)}  ${meaning} (${standard})`);
  return [
    `Usage: zeelos ${name}${operands === undefined ? '' : ` ${operands}`}${rows.length === 0 ? '' : ' [flags]'}`,
    `\n${about}\n`,
    ...(rows.length === 0 ? [] : [`Flags, each also as a variable such as ${rows[0]!.variable}:`, ...flags, '']),
    ...(examples === undefined ? [] : ['Examples:', ...examples.map((example) => `  ${example}`), '']),
    'Exit: 0 done, 1 failed, 2 wrong usage or settings, 3 the device refused, 4 no answer in time, 130 interrupted',
    '',
  ].join('\n');
}

function report(error: unknown): number {
  if (!(error instanceof PlatformError)) {
    console.error(error);
    return EXIT.failed;
  }
  const { remedy, retriable } = ERROR_CODES[error.code];
  process.stderr.write(
    `zeelos: ${error.code}: ${error.message}\n  ${remedy}${retriable ? ' (trying again may help)' : ''}\n`,
  );
  return error.code === 'CONFIG_INVALID' || error.code === 'USAGE' ? EXIT.usage : EXIT.failed;
}

/** The first signal asks for an orderly stop, the second ends at once. A lost parent counts as a signal. */
function stopSignal(): { readonly signal: AbortSignal; interrupted(): boolean } {
  const stopping = new AbortController();
  let interrupted = false;
  const stop = (name?: NodeJS.Signals) => {
    if (name === 'SIGINT') {
      if (interrupted) process.exit(EXIT.interrupted);
      interrupted = true;
    }
    stopping.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  if (process.connected) process.once('disconnect', () => stop());
  return { signal: stopping.signal, interrupted: () => interrupted };
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found === undefined)
    throw new PlatformError('USAGE', `there is no command ${JSON.stringify(name)}; zeelos --help lists them`);
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(helpOf(name, found));
    return EXIT.ok;
  }
  const { settings, positionals } = parseSettings(found.settings, {
    args: rest,
    env: process.env,
    otherVariables: variablesOfAll(),
  });
  if (found.operands === undefined && positionals.length > 0) {
    throw new PlatformError('USAGE', `zeelos ${name} takes no ${JSON.stringify(positionals[0])}`);
  }
  const { signal, interrupted } = stopSignal();
  const code = await found.run(settings, { signal, log: createLog(name) }, positionals);
  return interrupted() && code !== EXIT.ok ? EXIT.interrupted : code;
}

/** Runs the command line of this process and sets its exit code. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  // A reader of our output that left (`zeelos tail … | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  try {
    process.exitCode = await main(args);
  } catch (error) {
    process.exitCode = report(error);
  }
  if (process.connected) process.disconnect?.();
}
