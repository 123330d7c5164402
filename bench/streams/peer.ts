import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact, BuildJob } from '../../stack/cache.ts';
import { runCommand } from '../../stack/command.ts';
import { copyDependencies } from '../../stack/maven.ts';
import type { PeerForm } from './settings.ts';

const SOURCE = join(import.meta.dirname, 'kafka-streams-peer', 'MaxPer30Seconds.java');
const VERSION = '4.3.1';
const JARS = [
  `org.apache.kafka:kafka-streams:${VERSION}`,
  'org.apache.avro:avro:1.12.0',
  'org.slf4j:slf4j-simple:1.7.36',
];

/** Kafka Streams with the topology of the peer, compiled; a change of the source makes another copy in the cache. */
export const KAFKA_STREAMS_PEER: Artifact = {
  name: 'kafka-streams-peer',
  version: VERSION,
  recipe: [...JARS, readFileSync(SOURCE, 'utf8')].join('\n'),
  tools: ['java', 'mvn'],
  needs: [],
  neededBytes: 300 * 2 ** 20,
  build: buildPeer,
};

async function buildPeer(job: BuildJob): Promise<void> {
  await copyDependencies(job, JARS);
  await runCommand({
    program: 'javac',
    args: ['--release', '17', '-cp', join(job.files, '*'), '-d', job.files, SOURCE],
    cwd: job.work,
    logFile: job.logFile,
    onOutputLine: (line) => job.report('build', line),
    signal: job.signal,
  });
}

export interface PeerRun {
  readonly files: string;
  readonly form: PeerForm;
  readonly brokers: string;
  readonly application: string;
  readonly input: string;
  readonly output: string;
  readonly folder: string;
  readonly keySchema: string;
  readonly valueSchema: string;
  readonly heapMb: number;
}

export function peerArgs(o: PeerRun): string[] {
  return [
    `-Xmx${o.heapMb}m`,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    ...['-cp', `${o.files}:${join(o.files, '*')}`, 'MaxPer30Seconds'],
    ...[o.brokers, o.application, o.input, o.output, join(o.folder, o.application), o.keySchema, o.valueSchema, o.form],
  ];
}
