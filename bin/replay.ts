import { PlatformError } from '../common/errors.ts';
import { connectKafka } from '../common/kafka/client.ts';
import type { SettingsOf } from '../common/settings.ts';
import { replay as replayLetters } from '../connectors/replay.ts';
import { type CommandContext, EXIT, type ExitCode } from './command.ts';
import type { REPLAY_SETTINGS } from './replay-settings.ts';

/** Sends the records of a dead-letter topic back to where they came from; one JSON line for each, and a last one with the counts. */
export async function replay(
  settings: SettingsOf<typeof REPLAY_SETTINGS>,
  { signal, log }: CommandContext,
  [topic, ...rest]: readonly string[],
): Promise<ExitCode> {
  if (topic === undefined || rest.length > 0) throw new PlatformError('USAGE', 'name one dead-letter topic');
  const kafka = connectKafka({ brokers: settings.kafkaBrokers, clientId: 'zeelos-replay' }, log);
  const print = (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const { code, connector, limit, dryRun } = settings;
  const count = await replayLetters({ kafka, topic, code, connector, limit, dryRun, onLetter: print, signal, log });
  print({ ...count, dryRun });
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}
