import type { Log } from '../common/log.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';

/** What every sub-command is given. */
export interface CommandContext {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Exit codes mean the same for every sub-command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** The device or gateway answered, with an error code. */
  refused: 3,
  /** No answer in time; the same call may succeed later. */
  noAnswer: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A sub-command. Its code is loaded only when it runs, so that a service holds in memory what it needs and no more. */
export interface Command<T extends SettingsTable = SettingsTable> {
  readonly about: string;
  /** What may follow the name, for the usage line. */
  readonly operands?: string;
  readonly settings: T;
  readonly examples?: readonly string[];
  run(settings: SettingsOf<T>, context: CommandContext, operands: readonly string[]): Promise<ExitCode>;
}

/** Ties the settings table to the type of what `run` gets. */
export function command<T extends SettingsTable>(definition: Command<T>): Command {
  return definition as unknown as Command;
}

/** A service runs until it is stopped; a clean stop is success. */
export function service<T extends SettingsTable>(
  about: string,
  settings: T,
  load: () => Promise<(settings: SettingsOf<T>, context: CommandContext) => Promise<void>>,
): Command {
  return command({
    about,
    settings,
    async run(given, context) {
      const main = await load();
      await main(given, context);
      return EXIT.ok;
    },
  });
}
