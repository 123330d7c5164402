import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SettingsOf } from '../common/settings.ts';
import { type CommandContext, EXIT, type ExitCode } from './command.ts';
import type { SMOKE_SETTINGS } from './smoke-settings.ts';

const RUN = fileURLToPath(new URL('../test/smoke/main.ts', import.meta.url));

/** The smoke run lies with the tests, since it brings its foreign devices from there; it runs as a process of its own. */
export async function smoke(
  settings: SettingsOf<typeof SMOKE_SETTINGS>,
  { signal }: CommandContext,
): Promise<ExitCode> {
  const options = [settings.short ? '--short' : '', settings.keep ? '--keep' : ''].filter((option) => option !== '');
  const child = spawn(process.execPath, [RUN, ...options], { stdio: 'inherit', detached: false });
  // A Ctrl-C of the terminal reaches the child too; any other stop is passed on.
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (signal.aborted) return EXIT.interrupted;
  return code === 0 ? EXIT.ok : EXIT.failed;
}
