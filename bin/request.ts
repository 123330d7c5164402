import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { PlatformError } from '../common/errors.ts';
import { KafkaBatchSender } from '../common/kafka/batch-sender.ts';
import { connectKafka, type KafkaCluster } from '../common/kafka/client.ts';
import { CommittingProducer } from '../common/kafka/committing-producer.ts';
import { followTopic } from '../common/kafka/follow-topic.ts';
import { encodeChecked, encoderFor, RecordReader } from '../common/records.ts';
import { lookUpSchemas, registrySource } from '../common/schema-registry.ts';
import type { SettingsOf } from '../common/settings.ts';
import type { AvroRequest, AvroResponse, AvroResponseCode } from '../schemas/generated/records.ts';
import { isGatewayId, TOPICS } from '../schemas/topics.ts';
import { requestFromJson, requestFromWords } from './build-request.ts';
import { type CommandContext, EXIT, type ExitCode } from './command.ts';
import { jsonLine } from './json-line.ts';
import type { REQUEST_SETTINGS } from './request-settings.ts';
import { orRunning, readAddresses } from './running-system.ts';

type RequestSettings = SettingsOf<typeof REQUEST_SETTINGS>;

const SUCCESS: ReadonlySet<AvroResponseCode> = new Set(['CREATED', 'DELETED', 'CHANGED', 'CONTENT']);

/** Sends each request to its gateway's topic, waits for the reply with its ticket and prints that as one JSON line. */
export async function request(
  settings: RequestSettings,
  context: CommandContext,
  operands: readonly string[],
): Promise<ExitCode> {
  const requester = { string: settings.requestedBy ?? userName() };
  const asked = await requestsOf(settings, operands);
  const requests = asked.map((one) => ({ ...one, requestedBy: one.requestedBy ?? requester }));
  const running = readAddresses(settings.dataDir);
  const brokers = orRunning(settings.kafkaBrokers, running?.cloudBrokers.split(','), '--kafka-brokers');
  const registryUrl = orRunning(settings.registryUrl, running?.registryUrl, '--registry-url');
  const kafka = connectKafka({ brokers, clientId: 'zeelos-request' }, context.log);
  let worst: ExitCode = EXIT.ok;
  for (const one of requests) {
    const gateway = settings.gateway ?? one.serverId;
    if (!isGatewayId(gateway)) throw new PlatformError('USAGE', `${JSON.stringify(gateway)} is no gateway id`);
    const code = await exchange({ kafka, registryUrl, gateway, request: one, timeoutMs: settings.timeoutMs, context });
    if (code !== EXIT.ok) worst = code;
  }
  return worst;
}

async function requestsOf(settings: RequestSettings, operands: readonly string[]): Promise<AvroRequest[]> {
  if (settings.json === undefined) return [requestFromWords(operands, settings)];
  if (operands.length > 0) throw new PlatformError('USAGE', 'request takes either words or --json');
  if (settings.json !== '-') return [requestFromJson(settings.json)];
  const requests: AvroRequest[] = [];
  for await (const line of createInterface({ input: process.stdin }))
    if (line.trim() !== '') requests.push(requestFromJson(line));
  return requests;
}

/** In a container the user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

interface Exchange {
  readonly kafka: KafkaCluster;
  readonly registryUrl: string;
  readonly gateway: string;
  readonly request: AvroRequest;
  readonly timeoutMs: number;
  readonly context: CommandContext;
}

/** The reply topic is followed before the request is sent, so that a fast reply is not missed. */
async function exchange(o: Exchange): Promise<ExitCode> {
  const { log, signal } = o.context;
  const reader = new RecordReader<AvroResponse>(registrySource(o.registryUrl), TOPICS.replies.value);
  const done = new AbortController();
  let reply: AvroResponse | undefined;
  let failed: unknown;
  const following = followTopic({
    kafka: o.kafka,
    topic: TOPICS.replies.nameFor(o.gateway),
    from: 'end',
    signal: AbortSignal.any([signal, done.signal, AbortSignal.timeout(o.timeoutMs)]),
    log,
    onReady: () => {
      send(o).catch((error: unknown) => {
        failed = error;
        done.abort();
      });
    },
    onRecord: async ({ value }) => {
      if (value === null) return;
      const record = await reader.decode(value);
      if (record.ticket !== o.request.ticket || record.rep.kind !== o.request.payload.kind) return;
      reply = record;
      done.abort();
    },
  });
  await following;
  if (failed !== undefined) throw failed;
  if (reply === undefined) {
    if (signal.aborted) return EXIT.interrupted;
    process.stderr.write(
      `zeelos: no reply to ticket ${o.request.ticket} within ${o.timeoutMs} ms; it may still come\n`,
    );
    return EXIT.noAnswer;
  }
  process.stdout.write(`${jsonLine(reply)}\n`);
  return SUCCESS.has(reply.rep.code) ? EXIT.ok : EXIT.refused;
}

async function send({ kafka, registryUrl, gateway, request: sent, context }: Exchange): Promise<void> {
  const topic = TOPICS.requests.nameFor(gateway);
  const snapshot = await lookUpSchemas(gateway, registryUrl, [`${topic}-key`, `${topic}-value`]);
  const key = encoderFor(snapshot, `${topic}-key`, TOPICS.requests.key).encode({ ep: sent.ep });
  const value = encodeChecked(encoderFor(snapshot, `${topic}-value`, TOPICS.requests.value), sent);
  const producer = new CommittingProducer(new KafkaBatchSender(kafka, context.log), context.log);
  try {
    await producer.commit({ topic, key, value });
  } finally {
    await producer.close();
  }
}
