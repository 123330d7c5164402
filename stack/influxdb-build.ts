import { readFileSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../common/errors.ts';
import type { Artifact, BuildJob } from './cache.ts';
import { runCommand } from './command.ts';
import { findProgram } from './toolchain.ts';

const INFLUXDB_VERSION = '2.7.12';
/** The one that InfluxDB's go.mod asks for. */
const FLUX_VERSION = '0.196.1';
/** Pins every Go module by its hash (go.sum); it repeats InfluxDB's replace line, which `go install` would not follow. */
const MODULE_FOLDER = join(import.meta.dirname, 'influxdb-module');
const MODULE_FILES = ['go.mod', 'go.sum'] as const;
const GO_TAGS = 'sqlite_foreign_keys,sqlite_json';

/** Answers for `flux`, whose library lies in our cache, and passes every other question to the real pkg-config. */
const PKG_CONFIG_SHIM = `#!/bin/sh
flux= out=
for word in "$@"; do
  case $word in
    flux) flux=yes ;;
    --cflags) out="$out -I$FLUX_FILES/include" ;;
    --libs) out="$out -L$FLUX_FILES -lflux -lm -ldl -lpthread -lrt" ;;
  esac
done
[ -n "$flux" ] || exec "$REAL_PKG_CONFIG" "$@"
echo "$out"
`;

/** The Rust half of InfluxDB's query language: libflux.a and its header. Apart from influxd, so that a broken off build keeps it. */
export const LIBFLUX: Artifact = {
  name: 'libflux',
  version: FLUX_VERSION,
  recipe: 'cargo build --release --locked -p flux',
  tools: ['go', 'cargo', 'cc'],
  needs: [],
  neededBytes: 3 * 2 ** 30,
  build: buildLibflux,
};

export const INFLUXD: Artifact = {
  name: 'influxd',
  version: INFLUXDB_VERSION,
  recipe: [GO_TAGS, PKG_CONFIG_SHIM, ...MODULE_FILES.map((f) => readFileSync(join(MODULE_FOLDER, f), 'utf8'))].join(
    '\n',
  ),
  tools: ['go', 'cc', 'pkg-config'],
  needs: [LIBFLUX],
  neededBytes: 4 * 2 ** 30,
  build: buildInfluxd,
};

async function buildLibflux(job: BuildJob): Promise<void> {
  const source = await writableFluxModule(job);
  const target = join(job.work, 'target');
  await runCommand({
    program: 'cargo',
    args: ['build', '--release', '--locked', '-p', 'flux'],
    cwd: join(source, 'libflux'),
    // Lints of a newer compiler are no faults of this pinned source.
    env: { RUSTFLAGS: '--cap-lints warn', CARGO_TARGET_DIR: target },
    logFile: job.logFile,
    onOutputLine: (line) => job.report('build', `libflux: ${line}`),
    signal: job.signal,
  });
  // Only the static library: beside a libflux.so the linker would prefer that, and influxd would need it at run time.
  await copyFile(join(target, 'release', 'libflux.a'), join(job.files, 'libflux.a'));
  await cp(join(source, 'libflux', 'include'), join(job.files, 'include'), { recursive: true });
}

/** The whole module, since the crate reads `stdlib/` beside `libflux/`; Go's own copy is read-only. */
async function writableFluxModule(job: BuildJob): Promise<string> {
  const module = await copyOfModuleFiles(job);
  const output = await runCommand({
    program: 'go',
    args: ['mod', 'download', '-json', `github.com/influxdata/flux@v${FLUX_VERSION}`],
    cwd: module,
    env: { GOFLAGS: '-mod=mod' },
    logFile: job.logFile,
    onOutputLine: () => job.report('fetch', `flux ${FLUX_VERSION}`),
    signal: job.signal,
  });
  const folder = /"Dir": (".*")/.exec(output.join('\n'))?.[1];
  if (folder === undefined)
    throw new PlatformError('STACK_FETCH_FAILED', `go did not say where flux lies (log: ${job.logFile})`);
  const source = join(job.work, 'flux');
  const common = { cwd: job.work, logFile: job.logFile, signal: job.signal };
  await runCommand({ program: 'cp', args: ['-R', JSON.parse(folder) as string, source], ...common });
  await runCommand({ program: 'chmod', args: ['-R', 'u+w', source], ...common });
  // It pins a compiler of 2023; the installed one builds the crate as well.
  await rm(join(source, 'rust-toolchain.toml'), { force: true });
  return source;
}

async function buildInfluxd(job: BuildJob): Promise<void> {
  const fluxFiles = await job.provide(LIBFLUX);
  const module = await copyOfModuleFiles(job);
  const shim = join(job.work, 'pkg-config');
  await writeFile(shim, PKG_CONFIG_SHIM);
  await chmod(shim, 0o755);
  job.report('build', 'influxd: downloading modules');
  await runCommand({
    program: 'go',
    args: [
      'build',
      '-v',
      '-trimpath',
      '-tags',
      GO_TAGS,
      '-ldflags',
      `-s -w -X main.version=v${INFLUXDB_VERSION}`,
    ].concat('-o', join(job.files, 'influxd'), 'github.com/influxdata/influxdb/v2/cmd/influxd'),
    cwd: module,
    env: {
      PKG_CONFIG: shim,
      FLUX_FILES: fluxFiles,
      REAL_PKG_CONFIG: findProgram('pkg-config') ?? 'pkg-config',
      CGO_ENABLED: '1',
    },
    logFile: job.logFile,
    onOutputLine: (line) => job.report('build', `influxd: ${line}`),
    signal: job.signal,
  });
}

async function copyOfModuleFiles(job: BuildJob): Promise<string> {
  const folder = join(job.work, 'module');
  await mkdir(folder);
  for (const file of MODULE_FILES) await copyFile(join(MODULE_FOLDER, file), join(folder, file));
  return folder;
}
