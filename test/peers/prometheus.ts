import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { provideDebian } from './debian.ts';
import { type Peer, startPeer } from './peer-process.ts';

const PACKAGES = ['prometheus', 'prometheus-node-exporter'];
const CHECK_TIMEOUT_MS = 60_000;

/** Debian's Prometheus, its checking tool, and the exporter of a machine's numbers. */
export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
  readonly nodeExporter: string;
}

/** @throws STACK_TOOL_MISSING with the apt line where they cannot be had */
export async function providePrometheus(): Promise<PrometheusPrograms> {
  const bin = join(await provideDebian('prometheus', { packages: PACKAGES, proof: 'usr/bin/promtool' }), 'usr', 'bin');
  return {
    prometheus: join(bin, 'prometheus'),
    promtool: join(bin, 'promtool'),
    nodeExporter: join(bin, 'prometheus-node-exporter'),
  };
}

/** Runs promtool; rejects with what it said when it finds a fault. */
export async function promtool(programs: PrometheusPrograms, ...args: readonly string[]): Promise<string> {
  const run = await promisify(execFile)(programs.promtool, args, { timeout: CHECK_TIMEOUT_MS });
  return `${run.stdout}${run.stderr}`;
}

export interface PrometheusOptions {
  /** Its configuration; rules and target files lie beside it. */
  readonly config: string;
  readonly dataDir: string;
  readonly port: number;
}

/** A Prometheus on loopback. It answers at `/-/ready` when it is up. */
export async function startPrometheus(programs: PrometheusPrograms, o: PrometheusOptions): Promise<Peer> {
  await mkdir(o.dataDir, { recursive: true });
  return await startPeer('prometheus', programs.prometheus, [
    `--config.file=${o.config}`,
    `--storage.tsdb.path=${o.dataDir}`,
    `--web.listen-address=127.0.0.1:${o.port}`,
    '--log.level=warn',
  ]);
}

/** What is no disk; the root of a container, which the exporter leaves out by itself, is one here. */
const NO_DISK = '^(autofs|bpf|cgroup2?|devpts|devtmpfs|mqueue|nsfs|proc|securityfs|sysfs|tracefs)$';

/** The numbers of this machine on a port of loopback. */
export async function startNodeExporter({ nodeExporter }: PrometheusPrograms, port: number): Promise<Peer> {
  return await startPeer('node-exporter', nodeExporter, [
    `--web.listen-address=127.0.0.1:${port}`,
    `--collector.filesystem.fs-types-exclude=${NO_DISK}`,
    '--log.level=warn',
  ]);
}
