import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Artifact, type BuildJob, defaultCacheDir, provide } from '../../stack/cache.ts';
import { runCommand } from '../../stack/command.ts';
import { copyDependencies } from '../../stack/maven.ts';

const RUN_SQL = join(import.meta.dirname, 'run-sql', 'RunSql.java');
/** What Flink's types want of the JVM. */
const OPENS = ['java.util', 'java.lang', 'java.net', 'java.time'].flatMap((name) => [
  '--add-opens',
  `java.base/${name}=ALL-UNNAMED`,
]);
const VERSION = '2.3.0';
const WHEEL = `apache-flink-libraries==${VERSION}`;
const JARS = [
  'org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2',
  'org.apache.flink:flink-sql-avro-confluent-registry:2.0.0',
];

/** Flink's own jars are not on Maven Central; the Python package of its libraries has them. */
const FLINK: Artifact = {
  name: 'flink',
  version: VERSION,
  recipe: [WHEEL, ...JARS].join('\n'),
  tools: ['java', 'mvn', 'unzip'],
  needs: [],
  neededBytes: 2 * 2 ** 30,
  build: buildFlink,
};

async function buildFlink(job: BuildJob): Promise<void> {
  const { files, work, logFile, signal } = job;
  const step = (program: string, args: readonly string[]) =>
    runCommand({ program, args, cwd: work, logFile, onOutputLine: (line) => job.report('fetch', line), signal });
  await step('python3', ['-m', 'pip', 'download', WHEEL, '--no-deps', '--disable-pip-version-check', '-d', work]);
  const wheel = readdirSync(work).find((name) => name.endsWith('.whl'))!;
  await step('unzip', ['-q', '-j', wheel, 'pyflink/lib/*', '-d', files]);
  await copyDependencies(job, JARS);
}

/** @returns the class path of Flink and its connectors  Errors: STACK_TOOL_MISSING, STACK_DISK_FULL, STACK_FETCH_FAILED */
export async function provideFlink(report: (text: string) => void): Promise<string> {
  const access = {
    cacheDir: defaultCacheDir(),
    report: (step: string, state: string) => report(`${step}: ${state}`),
  };
  const files = await provide(FLINK, access);
  return join(files, '*');
}

/** Fills the `${…}` of a file of streams/flink. Quotes in a value are doubled, as SQL wants them. */
export function sqlOf(file: string, values: Readonly<Record<string, string>>): string {
  return readFileSync(new URL(`../../streams/flink/${file}`, import.meta.url), 'utf8').replaceAll(
    /\$\{(\w+)\}/g,
    (whole, name: string) => values[name]?.replaceAll("'", "''") ?? whole,
  );
}

/** Runs the files on one Flink cluster, started for them; resolves when all that they insert is written. */
export async function runSql(classPath: string, files: readonly string[]): Promise<void> {
  await promisify(execFile)('java', ['-Xmx1g', ...OPENS, '-cp', classPath, RUN_SQL, ...files], { maxBuffer: 2 ** 26 });
}
