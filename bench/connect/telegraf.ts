import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import { type Artifact, defaultCacheDir, provide } from '../../stack/cache.ts';
import { runCommand } from '../../stack/command.ts';
import { residentMb } from '../processes.ts';
import type { ProcessorTimes } from './processor-times.ts';
import { OBSERVATIONS } from './records.ts';
import type { Measured } from './worker.ts';

const VERSION = 'v1.36.4';
/** Only what the benchmark needs of its hundreds of plug-ins. */
const TAGS = 'custom,inputs.kafka_consumer,outputs.influxdb_v2,parsers.avro';

/** The collector that users of InfluxDB would put in the place of our connector. Built by Go; its module pins all others. */
const TELEGRAF: Artifact = {
  name: 'telegraf',
  version: VERSION,
  recipe: TAGS,
  tools: ['go'],
  needs: [],
  neededBytes: 4 * 2 ** 30,
  async build(job) {
    await runCommand({
      program: 'go',
      args: ['install', '-tags', TAGS, '-ldflags', '-s -w', `github.com/influxdata/telegraf/cmd/telegraf@${VERSION}`],
      cwd: job.work,
      env: { CGO_ENABLED: '0', GOBIN: job.files },
      logFile: job.logFile,
      onOutputLine: (line) => job.report('build', line),
      signal: job.signal,
    });
  },
};

export interface TelegrafOptions {
  readonly folder: string;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly groupId: string;
  readonly influx: { readonly url: string; readonly org: string; readonly token: string; readonly bucket: string };
}

/** The program, fetched and built when it is not there. Errors: STACK_TOOL_MISSING, STACK_DISK_FULL, STACK_FETCH_FAILED. */
export async function provideTelegraf(): Promise<string> {
  return join(await provide(TELEGRAF, { cacheDir: defaultCacheDir(), report: () => undefined }), 'telegraf');
}

/** Telegraf, from the same topic to the same store: lines per request as ours, compressed like ours, offsets committed behind the store. */
export class Telegraf {
  readonly #child: ChildProcess;

  constructor(program: string, o: TelegrafOptions) {
    const file = join(o.folder, `telegraf-${o.influx.bucket}.conf`);
    writeFileSync(file, configOf(o));
    this.#child = spawn(program, ['--config', file], { stdio: 'ignore' });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Of the points from the first that are seen in the store to the last. @param written points that InfluxDB has taken since the start */
  async measureUntil(count: number, written: () => Promise<number>, times: ProcessorTimes): Promise<Measured> {
    let first: { readonly at: number; readonly stored: number } | undefined;
    for (;;) {
      const stored = await written();
      const at = performance.now();
      if (first === undefined && stored > 0) {
        first = { at, stored };
        times.begin();
      }
      if (stored >= count && first !== undefined) {
        const points = Math.max(1, stored - first.stored);
        return { perSecond: points / Math.max(1e-3, (at - first.at) / 1_000), processor: times.perRecord(points) };
      }
      if (this.#child.exitCode !== null) throw new PlatformError('STACK_START_FAILED', 'telegraf has ended');
      await sleep(100);
    }
  }

  peakMiB(): number {
    return residentMb(this.pid, 'VmHWM');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }
}

/** Points much like ours: fields within fields have long names, and two values of one millisecond would be one. */
function configOf({ brokers, registryUrl, groupId, influx }: TelegrafOptions): string {
  return `[agent]
  metric_batch_size = 5000
  metric_buffer_limit = 100000
  flush_interval = "1s"
  omit_hostname = true
  quiet = true
[[inputs.kafka_consumer]]
  brokers = ${JSON.stringify(brokers)}
  topics = ["${OBSERVATIONS}"]
  consumer_group = "${groupId}"
  offset = "oldest"
  kafka_version = "3.6.0"
  max_undelivered_messages = 50000
  data_format = "avro"
  avro_schema_registry = "${registryUrl}"
  avro_measurement = "resources"
  avro_tags = ["ep", "path", "serverId"]
  avro_fields = ["observationId", "ticket", "rep"]
  avro_timestamp = "timestamp"
  avro_timestamp_format = "unix_ms"
  avro_field_separator = "_"
  fieldexclude = ["*_id", "*_path", "*_kind", "*_type"]
[[outputs.influxdb_v2]]
  urls = ["${influx.url}"]
  token = "${influx.token}"
  organization = "${influx.org}"
  bucket = "${influx.bucket}"
  content_encoding = "gzip"
`;
}
