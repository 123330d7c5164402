import { openHealth } from '../common/health.ts';
import { connectKafka, type KafkaCluster } from '../common/kafka/client.ts';
import { CommittingProducer } from '../common/kafka/committing-producer.ts';
import { consume } from '../common/kafka/consumer.ts';
import { ThreadedSender } from '../common/kafka/threaded-sender.ts';
import { ensureTopics } from '../common/kafka/topics.ts';
import { Closers, type ServiceContext, untilDone } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import { RecordReader } from '../common/records.ts';
import { enrol, firstOf, registrySource, snapshotSource } from '../common/schema-registry.ts';
import type { SettingsOf } from '../common/settings.ts';
import { CoapEndpoint } from '../lwm2m/coap/endpoint.ts';
import { DEFAULT_LIMITS } from '../lwm2m/coap/limits.ts';
import { TOPICS } from '../schemas/topics.ts';
import { AnsweredCommands } from './bridge/answered-commands.ts';
import { CommandIntake } from './bridge/command-intake.ts';
import { Outbox } from './bridge/outbox.ts';
import { type RestoreOptions, restoreAnswered, restoreRecorded, restoreState } from './bridge/restore.ts';
import { newServerCounters, type ServerCounters } from './counters.ts';
import { edgeTopics, fencedTopics } from './edge-topics.ts';
import { GatewayClaim } from './fencing/gateway-claim.ts';
import { fenceId } from './fencing/server-claim.ts';
import { FirmwareFiles } from './file-source/firmware-files.ts';
import { GatewayServer } from './gateway-server.ts';
import { COMMAND_BUCKETS, Latencies } from './latencies.ts';
import { exposeMetrics } from './metrics.ts';
import { openModels } from './models/open-models.ts';
import { RecordedNotifications } from './observation/recorded-notifications.ts';
import { Profiles } from './registration/profiles.ts';
import { openRest, restAccess } from './rest/open-rest.ts';
import type { LWM2M_SERVER_SETTINGS } from './settings.ts';

type Settings = SettingsOf<typeof LWM2M_SERVER_SETTINGS>;

const TICK_MS = 1_000;
const FLUSH_MS = 1_000;

/** The least that brokers allow: so long commands wait after a kill, until the group gives up the dead member. */
const SESSION_TIMEOUT_MS = 6_000;

/** Of the thread that writes to Kafka: it makes little that lives longer than a batch. */
const SENDER_LIMITS = { maxYoungGenerationSizeMb: 8 };

/** Large enough for the burst of a fleet that starts at once; the system may grant less (net.core.rmem_max). */
const RECEIVE_BUFFER_BYTES = 8 * 2 ** 20;

/**
 * Runs the LwM2M server of one gateway until the signal is aborted. Errors: CONFIG_INVALID, TRANSPORT_BIND, REGISTRY_REFUSED,
 * SERVER_FENCED, KAFKA_SENDER_ENDED.
 */
export async function main(settings: Settings, { signal, log }: ServiceContext): Promise<void> {
  const closers = new Closers(log);
  /** Aborted with the error when nothing can be written any more. */
  const ending = new AbortController();
  try {
    await run(settings, { signal: AbortSignal.any([signal, ending.signal]), log }, closers, ending);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    await closers.closeAll();
  }
  if (ending.signal.aborted) throw ending.signal.reason;
}

async function run(
  settings: Settings,
  { signal, log }: ServiceContext,
  closers: Closers,
  ending: AbortController,
): Promise<void> {
  const access = restAccess(settings);
  const health = await openHealth({
    service: 'lwm2m-server',
    address: settings.healthAddress,
    port: settings.healthPort,
  });
  closers.add('health', () => health.close());
  health.setNotReady('start', 'waits for enrolment and Kafka');
  const { gatewayId } = settings;
  const snapshot = await untilDone('enrolling', { signal, log }, () => enrol(settings));
  const address = { brokers: settings.kafkaBrokers, clientId: `lwm2m-server-${gatewayId}` };
  const kafka = connectKafka(address, log);
  await untilDone('preparing topics', { signal, log }, () => ensureTopics(kafka, edgeTopics(gatewayId)));
  if (signal.aborted || snapshot === undefined) return;

  const fence = { id: fenceId(gatewayId), topics: fencedTopics(gatewayId) };
  const producer = new CommittingProducer(
    new ThreadedSender(address, log, { fence, resourceLimits: SENDER_LIMITS }),
    log,
  );
  producer.onEnded = (error) => ending.abort(error);
  closers.add('producer', () => producer.close());
  const clocks = { now: Date.now, elapsed: () => performance.now() };
  const claim = new GatewayClaim({ gatewayId, kafka, producer, signal, log, ...clocks });
  closers.add('claim', () => claim.release());
  await untilDone('claiming the gateway', { signal, log }, () => claim.take());
  if (signal.aborted) return;
  const outbox = new Outbox(gatewayId, snapshot, producer);
  const answered = new AnsweredCommands(settings.commandQueueLimit);
  const recorded = new RecordedNotifications(performance.now());
  const counters = newServerCounters();
  // The server's own records need only the snapshot; commands may come from producers with schemas of their own.
  const own = snapshotSource(snapshot);
  const source = firstOf(own, registrySource(settings.registryUrl));
  const restoring: RestoreOptions = {
    gatewayId,
    kafka,
    state: new RecordReader(own, TOPICS.state.value),
    replies: new RecordReader(own, TOPICS.replies.value),
    notifications: new RecordReader(own, TOPICS.observations.value),
    signal,
    log,
  };
  let restored = await untilDone('restoring', { signal, log }, async () => {
    const noted = [restoreAnswered(restoring, answered), restoreRecorded(restoring, recorded)];
    const [state] = await Promise.all([restoreState(restoring), ...noted]);
    return state;
  });
  if (restored === undefined) return;

  const { modelsDir } = settings;
  const modelStore = await openModels({ modelsDir, uploaded: restored.models, outbox, counters, log });
  const firmware = openFirmware(settings.firmwareDir, log);
  closers.add('firmware', () => firmware?.close());
  const commandLatency = new Latencies(COMMAND_BUCKETS);
  let endpoint: CoapEndpoint | undefined;
  const server = new GatewayServer({
    server: { serverId: gatewayId, address: settings.coapAddress, port: settings.coapPort },
    endpoint: {
      request: (peer, request, options) => endpoint!.request(peer, request, options),
      forget: (peer) => endpoint!.forget(peer),
    },
    models: modelStore.models,
    onCommandRan: (ms) => commandLatency.note(ms),
    now: Date.now,
    elapsed: () => performance.now(),
    ...{ outbox, answered, recorded, counters, signal, log },
    ...{
      observe: settings.observe,
      profiles: new Profiles(settings.profilesFile, log),
      firmware,
      maxRegistrations: settings.maxRegistrations,
      requestTimeoutMs: settings.requestTimeoutMs,
      awakeWindowMs: settings.awakeWindowMs,
      commandQueueTtlMs: settings.commandQueueTtlMs,
      commandQueueLimit: settings.commandQueueLimit,
    },
  });
  server.restore(restored);
  endpoint = await CoapEndpoint.open({
    address: settings.coapAddress,
    port: settings.coapPort,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onRequest: (request, respond) => server.onRequest(request, respond),
    onNotification: (notification) => server.onNotification(notification),
    pathOfNotification: (peer, token) => server.pathOfNotification(peer, token),
    log,
  });
  closers.add('commands', () => server.queues.idle());
  closers.add('socket', () => endpoint.close());
  // Whoever was taken in is answered once Kafka has it; meanwhile newcomers are told to come back.
  closers.add('answers', () => producer.flush(FLUSH_MS));
  exposeMetrics(health.metrics, {
    ...{ server, endpoint, counters, commandLatency },
    commitLatency: outbox.commitLatency,
    backlog: () => producer.backlog,
  });
  const ticking = setInterval(() => server.tick(), TICK_MS);
  closers.add('tick', () => clearInterval(ticking));
  server.resume(restored);
  const rest = await openRest(settings, access, {
    ...{ gatewayId, server, endpoint, modelStore, snapshot, log },
    metrics: health.metrics,
    now: Date.now,
    elapsed: () => performance.now(),
  });
  closers.add('rest', () => rest?.close());
  health.setReady('start');
  const [devices, restPort] = [restored.registrations.length, rest?.port];
  log.info({ gatewayId, coapPort: endpoint.localPort, healthPort: health.port, restPort, restored: devices }, 'ready');
  // What was read is in its place: it must not stay in memory for as long as the server runs.
  restored = undefined;
  await takeCommands(
    settings,
    { signal, log },
    { kafka, outbox, answered, counters, server, reader: new RecordReader(source, TOPICS.requests.value) },
  );
  log.info('stopping');
}

async function takeCommands(
  { gatewayId }: Settings,
  { signal, log }: ServiceContext,
  o: {
    kafka: KafkaCluster;
    outbox: Outbox;
    answered: AnsweredCommands;
    counters: ServerCounters;
    server: GatewayServer;
    reader: ConstructorParameters<typeof CommandIntake>[0]['reader'];
  },
): Promise<void> {
  const { admission, queues, store } = o.server;
  const clocks = { now: Date.now, elapsed: () => performance.now() };
  const intake = new CommandIntake({ ...o, ...clocks, admission, queues, store, log });
  await consume({
    kafka: o.kafka,
    groupId: gatewayId,
    topics: [TOPICS.requests.nameFor(gatewayId)],
    onBatch: (batch) => intake.onBatch(batch),
    commitsItself: true,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    signal,
    log,
  });
}

function openFirmware(folder: string | undefined, log: Log): FirmwareFiles | undefined {
  if (folder === undefined) return undefined;
  return new FirmwareFiles({ folder, mostBytes: DEFAULT_LIMITS.sourceBytes, log, elapsed: () => performance.now() });
}
