import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildJob } from './cache.ts';
import { runCommand } from './command.ts';
import { lockOrWait } from './lock.ts';

const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

/** `group:artifact:version` */
export type Coordinates = string;

/** Fetches jars with all that they need into `job.files`. */
export async function copyDependencies(job: BuildJob, jars: readonly Coordinates[]): Promise<void> {
  await writeFile(join(job.work, 'pom.xml'), pomOf(jars));
  await maven(job, [
    `${DEPENDENCY_PLUGIN}:copy-dependencies`,
    `-DoutputDirectory=${job.files}`,
    '-DincludeScope=runtime',
  ]);
}

/** Fetches one archive, `group:artifact:version:type:classifier`, and unpacks it into `job.files`. */
export async function unpack(job: BuildJob, archive: Coordinates): Promise<void> {
  await maven(job, [`${DEPENDENCY_PLUGIN}:unpack`, `-Dartifact=${archive}`, `-DoutputDirectory=${job.files}`]);
}

/** One Maven at a time: two that write the same local repository can read each other's half-written files. */
async function maven(job: BuildJob, args: readonly string[]): Promise<void> {
  const onWait = (): void => job.report('wait', 'another download is under way');
  const lock = await lockOrWait(join(job.cacheDir, 'locks', 'maven'), onWait, job.signal);
  try {
    await runCommand({
      program: 'mvn',
      // --strict-checksums: a download that does not match its published checksum fails.
      args: ['--batch-mode', '--strict-checksums', ...args],
      cwd: job.work,
      logFile: job.logFile,
      onOutputLine: (line) => job.report('fetch', fileNameIn(line)),
      signal: job.signal,
    });
  } finally {
    lock.release();
  }
}

/** The name of the file that a line of Maven's speaks of; the line itself when there is none. */
function fileNameIn(line: string): string {
  return /([^/]+\.(?:jar|pom|zip))/.exec(line)?.[1] ?? line.replace(/^\[\w+\]\s*/, '');
}

function pomOf(jars: readonly Coordinates[]): string {
  const dependencies = jars.map((jar) => {
    const [group, artifact, version] = jar.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>zeelos</groupId><artifactId>server</artifactId><version>1</version>
<dependencies>
${dependencies.join('\n')}
</dependencies></project>
`;
}
