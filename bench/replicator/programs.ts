import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Artifact, type BuildJob, defaultCacheDir, provide } from '../../stack/cache.ts';
import { runCommand } from '../../stack/command.ts';
import { KAFKA } from '../../stack/kafka.ts';

const MODULE_FOLDER = join(import.meta.dirname, 'franz-mirror');

function moduleFiles(): string[] {
  const entries = readdirSync(MODULE_FOLDER, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => relative(MODULE_FOLDER, join(entry.parentPath, entry.name))).sort();
}

/** The mirror on franz-go and the probe. go.sum pins every module; a change of the sources makes another copy in the cache. */
const FRANZ_MIRROR: Artifact = {
  name: 'franz-mirror',
  version: '1',
  recipe: moduleFiles()
    .map((file) => `${file}\n${readFileSync(join(MODULE_FOLDER, file), 'utf8')}`)
    .join('\n'),
  tools: ['go'],
  needs: [],
  neededBytes: 500 * 2 ** 20,
  build: buildModule,
};

async function buildModule(job: BuildJob): Promise<void> {
  const source = join(job.work, 'franz-mirror');
  cpSync(MODULE_FOLDER, source, { recursive: true });
  await runCommand({
    program: 'go',
    args: ['build', '-trimpath', '-ldflags', '-s -w', '-o', `${job.files}/`, './...'],
    cwd: source,
    env: { CGO_ENABLED: '0' },
    logFile: job.logFile,
    onOutputLine: (line) => job.report('build', line),
    signal: job.signal,
  });
}

export interface Programs {
  /** Class path of broker, storage tool and MirrorMaker 2. */
  readonly kafkaClasses: string;
  readonly franzMirror: string;
  readonly probe: string;
}

/** Fetches and builds what is missing. Errors: STACK_TOOL_MISSING, STACK_DISK_FULL, STACK_FETCH_FAILED. */
export async function providePrograms(report: (text: string) => void, signal: AbortSignal): Promise<Programs> {
  const access = {
    cacheDir: defaultCacheDir(),
    report: (step: string, state: string) => report(`${step} ${state}`),
    signal,
  };
  const kafka = await provide(KAFKA, access);
  const franz = await provide(FRANZ_MIRROR, access);
  return {
    kafkaClasses: join(kafka, '*'),
    franzMirror: join(franz, 'franz-mirror'),
    probe: join(franz, 'probe'),
  };
}
