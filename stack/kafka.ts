import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from './cache.ts';
import { runCommand } from './command.ts';
import { writeFileAtomically } from './files.ts';
import { jvmArgs } from './java.ts';
import { kafkaAnswers } from './kafka-probe.ts';
import { copyDependencies } from './maven.ts';
import { LOOPBACK, type StackPorts } from './ports.ts';
import type { Durability, Launch, ServerKind, ServerSite } from './server.ts';

const VERSION = '4.3.1';
/** The broker, its storage tool, MirrorMaker 2 for comparisons, and a log writer that needs no settings file. */
const JARS = [
  `org.apache.kafka:kafka_2.13:${VERSION}`,
  `org.apache.kafka:kafka-tools:${VERSION}`,
  `org.apache.kafka:connect-mirror:${VERSION}`,
  `org.apache.kafka:connect-runtime:${VERSION}`,
  `org.apache.kafka:connect-json:${VERSION}`,
  'org.slf4j:slf4j-simple:1.7.36',
];

export const KAFKA: Artifact = {
  name: 'kafka',
  version: VERSION,
  recipe: JARS.join('\n'),
  tools: ['java', 'mvn'],
  needs: [],
  neededBytes: 300 * 2 ** 20,
  build: (job) => copyDependencies(job, JARS),
};

interface KafkaSide {
  readonly name: 'kafka-edge' | 'kafka-cloud';
  readonly broker: 'kafkaEdge' | 'kafkaCloud';
  readonly controller: 'kafkaEdgeController' | 'kafkaCloudController';
}

export const KAFKA_EDGE = kafkaServer({ name: 'kafka-edge', broker: 'kafkaEdge', controller: 'kafkaEdgeController' });
export const KAFKA_CLOUD = kafkaServer({
  name: 'kafka-cloud',
  broker: 'kafkaCloud',
  controller: 'kafkaCloudController',
});

function kafkaServer({ name, broker, controller }: KafkaSide): ServerKind {
  return {
    name,
    artifact: KAFKA,
    runTools: ['java'],
    ports: (ports) => [ports[broker], ports[controller]],
    url: (ports) => `${LOOPBACK}:${ports[broker]}`,
    prepare: (site) =>
      prepareKafka(site, {
        brokerPort: site.ports[broker],
        controllerPort: site.ports[controller],
        durability: name === 'kafka-edge' ? site.edgeDurability : 'process',
        others: site.brokerSettings[name] ?? {},
      }),
    isReady: (site: { ports: StackPorts }, signal) => kafkaAnswers(site.ports[broker], signal),
  };
}

interface BrokerOptions {
  readonly brokerPort: number;
  readonly controllerPort: number;
  readonly durability: Durability;
  readonly others: Readonly<Record<string, string | number | boolean>>;
}

async function prepareKafka(site: ServerSite, options: BrokerOptions): Promise<Launch> {
  const data = join(site.home, 'data');
  if (!existsSync(data)) await formatStorage(site, data, serverProperties(data, options));
  const properties = join(site.home, 'server.properties');
  writeFileAtomically(properties, serverProperties(data, options), 0o600);
  return { program: 'java', args: [...kafkaJvmArgs(site), 'kafka.Kafka', properties] };
}

const LOG_ARGS = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
];

/** No quick compiler here: a broker under load gains more from the better one than its start loses. */
function kafkaJvmArgs(site: ServerSite): string[] {
  return [...jvmArgs(site, { heapMegabytes: 256 }), ...LOG_ARGS, '-cp', join(site.files, '*')];
}

/** Formats in a folder beside and renames it, so that a broken off format is no half-formatted broker. */
async function formatStorage(site: ServerSite, data: string, properties: string): Promise<void> {
  const fresh = `${data}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const settings = join(site.home, 'format.properties');
  writeFileAtomically(settings, properties.replace(`log.dirs=${data}\n`, `log.dirs=${fresh}\n`), 0o600);
  const jvm = jvmArgs(site, { heapMegabytes: 128, quickCompilerOnly: true });
  await runCommand({
    program: 'java',
    args: [
      ...jvm,
      '-cp',
      join(site.files, '*'),
      'kafka.tools.StorageTool',
      'format',
      '-t',
      clusterId(),
      '-c',
      settings,
    ],
    cwd: site.home,
    logFile: site.logFile,
    failure: 'STACK_START_FAILED',
    signal: site.signal,
  });
  rmSync(settings);
  renameSync(fresh, data);
}

/** A random UUID in the form Kafka prints: 22 characters of URL-safe base64, never with a leading dash, which its tools take for an option. */
function clusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** One node that is broker and controller. Small internal topics: one broker gains nothing from fifty partitions. */
function serverProperties(data: string, { brokerPort, controllerPort, durability, others }: BrokerOptions): string {
  const settings: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${LOOPBACK}:${controllerPort}`,
    listeners: `PLAINTEXT://${LOOPBACK}:${brokerPort},CONTROLLER://${LOOPBACK}:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${brokerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
    // Topics are made by those who own them, with the partitions of the topic table.
    'auto.create.topics.enable': false,
    'num.partitions': 1,
    'offsets.topic.num.partitions': 5,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // A consumer group of ours is complete when its first member comes: no wait for more.
    'group.initial.rebalance.delay.ms': 0,
    // Days without a WAN must fit: nothing unread goes before a week.
    'log.retention.hours': 7 * 24,
    'offsets.retention.minutes': 30 * 24 * 60,
    // 128 MB by default, half of this heap; ours are small compacted topics.
    'log.cleaner.dedupe.buffer.size': 16 * 2 ** 20,
    // After a kill the controller takes the broker back only when the old session has run out (9 s by default).
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    // A batch is answered once the disk has it; without this the kernel writes it out when it likes, within half a minute.
    ...(durability === 'power' ? { 'log.flush.interval.messages': 1 } : {}),
    'num.network.threads': 2,
    'num.io.threads': 4,
    ...others,
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
