import { isRetriable, messageOf, PlatformError } from '../common/errors.ts';
import { connectKafka } from '../common/kafka/client.ts';
import { followTopic } from '../common/kafka/follow-topic.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import { RecordReader } from '../common/records.ts';
import { registrySource } from '../common/schema-registry.ts';
import type { SettingsOf } from '../common/settings.ts';
import { type CommandContext, EXIT, type ExitCode } from './command.ts';
import { jsonLine } from './json-line.ts';
import { orRunning, readAddresses } from './running-system.ts';
import type { TAIL_SETTINGS } from './tail-settings.ts';

type TailSettings = SettingsOf<typeof TAIL_SETTINGS>;

/** Prints each record as Avro's JSON on one line; what cannot be decoded is printed as hex with the reason on stderr. */
export async function tail(
  settings: TailSettings,
  { signal, log }: CommandContext,
  operands: readonly string[],
): Promise<ExitCode> {
  const [topic, ...more] = operands;
  if (topic === undefined || more.length > 0)
    throw new PlatformError('USAGE', 'tail takes one topic, for example iot.gw1.observations');
  const running = readAddresses(settings.dataDir);
  const brokers = orRunning(
    settings.kafkaBrokers,
    (settings.edge ? running?.edgeBrokers : running?.cloudBrokers)?.split(','),
    '--kafka-brokers',
  );
  const reader = new RecordReader(
    registrySource(orRunning(settings.registryUrl, running?.registryUrl, '--registry-url')),
  );
  const done = new AbortController();
  let printed = 0;
  await followTopic({
    kafka: connectKafka({ brokers, clientId: 'zeelos-tail' }, log),
    topic,
    from: settings.fromBeginning ? 'beginning' : 'end',
    signal: AbortSignal.any([signal, done.signal]),
    log,
    onRecord: async ({ key, value }) => {
      if (done.signal.aborted) return;
      const parts = settings.printKey
        ? [await decoded(reader, key, signal), await decoded(reader, value, signal)]
        : [await decoded(reader, value, signal)];
      process.stdout.write(`${parts.join('\t')}\n`);
      printed++;
      if (printed === settings.limit) done.abort();
    },
  });
  return EXIT.ok;
}

/** With the registry away it says so once and waits: a record printed as hex would look like a broken one. */
async function decoded(reader: RecordReader, bytes: Buffer | null, signal: AbortSignal): Promise<string> {
  if (bytes === null) return 'null';
  for (let attempt = 0; ; attempt++) {
    try {
      return jsonLine(await reader.decode(bytes));
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'AVRO_FRAME') return JSON.stringify(bytes.toString('utf8'));
      if (!isRetriable(error) || signal.aborted) {
        process.stderr.write(`${messageOf(error)}\n`);
        return JSON.stringify(bytes.toString('hex'));
      }
      if (attempt === 0) process.stderr.write(`${messageOf(error)}: waiting for it\n`);
      await sleep(backoffMs(attempt), signal);
    }
  }
}
