import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PlatformError } from '../common/errors.ts';
import { assertFreeSpace } from './files.ts';
import { lockOrWait } from './lock.ts';
import type { Report } from './progress.ts';
import { assertTools, type ToolName } from './toolchain.ts';

/** Something fetched or built once per version and used by every stack of this user. */
export interface Artifact {
  readonly name: string;
  readonly version: string;
  /** All that decides the contents besides the version; a change makes a new copy beside the old one. */
  readonly recipe: string;
  readonly tools: readonly ToolName[];
  /** Other artifacts its build asks for. */
  readonly needs: readonly Artifact[];
  /** Free disk needed while fetching or building, in bytes. */
  readonly neededBytes: number;
  build(job: BuildJob): Promise<void>;
}

export interface BuildJob {
  /** What is left here becomes the cached copy. */
  readonly files: string;
  /** Scratch space, removed afterwards. */
  readonly work: string;
  readonly cacheDir: string;
  readonly logFile: string;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
  provide(artifact: Artifact): Promise<string>;
}

export interface CacheAccess {
  readonly cacheDir: string;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

interface ManifestEntry {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Less than this left after a failed build means that the disk is what failed it. */
const DISK_IS_FULL_BYTES = 64 * 2 ** 20;

export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.ZEELOS_CACHE ?? join(homedir(), '.cache', 'zeelos');
}

/** Folder name of one copy: `kafka-4.3.1-0a1b2c3d`. */
export function artifactKey(artifact: Artifact): string {
  const recipe = createHash('sha256').update(`${process.platform} ${process.arch}\n${artifact.recipe}`).digest('hex');
  return `${artifact.name}-${artifact.version}-${recipe.slice(0, 8)}`;
}

/** True when a copy is there with every file at its recorded size. Reads no contents: a few ms. */
export async function isCached(cacheDir: string, artifact: Artifact): Promise<boolean> {
  const folder = join(cacheDir, artifactKey(artifact));
  const manifest = await readManifest(folder);
  if (manifest === undefined) return false;
  const found = await filesBelow(join(folder, 'files'));
  return (
    found.length === manifest.length &&
    found.every((f, i) => f.path === manifest[i]?.path && f.size === manifest[i]?.size)
  );
}

/**
 * The folder of an artifact's files, fetched or built when there is no whole copy. Several processes may ask at once: one works, the others wait.
 * Errors: STACK_TOOL_MISSING, STACK_DISK_FULL, STACK_FETCH_FAILED; the signal's reason when aborted.
 */
export async function provide(artifact: Artifact, access: CacheAccess): Promise<string> {
  const { cacheDir, report, signal } = access;
  const key = artifactKey(artifact);
  const files = join(cacheDir, key, 'files');
  if (await isCached(cacheDir, artifact)) return files;
  const lock = await lockOrWait(
    join(cacheDir, 'locks', key),
    (holder) => report('wait', `process ${holder?.process.pid ?? '?'} is fetching ${artifact.name}`),
    signal,
  );
  try {
    if (await isCached(cacheDir, artifact)) return files;
    if (existsSync(join(cacheDir, key))) {
      report('clean', `the cached ${artifact.name} is damaged: removed`);
      await rm(join(cacheDir, key), { recursive: true });
    }
    await assertTools(artifact.tools);
    await assertFreeSpace(cacheDir, artifact.neededBytes, `fetch ${artifact.name} ${artifact.version}`);
    await buildInto(artifact, access);
    return files;
  } finally {
    lock.release();
  }
}

/** Builds beside the cache and moves the whole folder in at the end, so that a killed build leaves nothing half-done. */
async function buildInto(artifact: Artifact, access: CacheAccess): Promise<void> {
  const { cacheDir, report, signal } = access;
  const key = artifactKey(artifact);
  const staging = join(cacheDir, 'staging', key);
  const logFile = join(cacheDir, 'logs', `${key}.log`);
  await rm(staging, { recursive: true, force: true });
  const [result, work] = [join(staging, 'result'), join(staging, 'work')];
  for (const folder of [join(result, 'files'), work, join(cacheDir, 'logs')]) mkdirSync(folder, { recursive: true });
  await writeFile(logFile, '');
  report('fetch', `${artifact.name} ${artifact.version}`);
  try {
    const others = { provide: (other: Artifact) => provide(other, access) };
    await artifact.build({ files: join(result, 'files'), work, cacheDir, logFile, report, signal, ...others });
    await writeManifest(result);
    await rename(result, join(cacheDir, key));
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw await fetchError(artifact, access, error);
  }
  await rm(staging, { recursive: true, force: true });
}

async function fetchError(artifact: Artifact, { cacheDir, signal }: CacheAccess, error: unknown): Promise<unknown> {
  if (signal?.aborted) return signal.reason;
  if (error instanceof PlatformError && error.code !== 'STACK_FETCH_FAILED') return error;
  try {
    await assertFreeSpace(cacheDir, DISK_IS_FULL_BYTES, `fetch ${artifact.name}`);
  } catch (full) {
    return full;
  }
  if (error instanceof PlatformError) return error;
  const text = `${artifact.name} ${artifact.version} could not be fetched: ${(error as Error).message}`;
  return new PlatformError('STACK_FETCH_FAILED', text, { cause: error });
}

/** Compares every byte with the manifest and removes the copy when one differs. True when it is whole. */
export async function verifyOrRemove(artifact: Artifact, { cacheDir, report, signal }: CacheAccess): Promise<boolean> {
  const key = artifactKey(artifact);
  const onWait = (): void => report('wait', `another process holds the cached ${artifact.name}`);
  const lock = await lockOrWait(join(cacheDir, 'locks', key), onWait, signal);
  try {
    if (await hasRecordedContents(join(cacheDir, key))) return true;
    await rm(join(cacheDir, key), { recursive: true, force: true });
    return false;
  } finally {
    lock.release();
  }
}

async function hasRecordedContents(folder: string): Promise<boolean> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return false;
  const found = await filesBelow(join(folder, 'files'));
  if (found.length !== manifest.length) return false;
  for (const [i, entry] of manifest.entries()) {
    if (found[i]?.path !== entry.path || found[i]?.size !== entry.size) return false;
    if ((await sha256Of(join(folder, 'files', entry.path))) !== entry.sha256) return false;
  }
  return true;
}

async function writeManifest(folder: string): Promise<void> {
  const files = join(folder, 'files');
  const entries: ManifestEntry[] = [];
  for (const { path, size } of await filesBelow(files)) {
    entries.push({ path, size, sha256: await sha256Of(join(files, path)) });
  }
  if (entries.length === 0) throw new PlatformError('STACK_FETCH_FAILED', 'the fetch left no files');
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(entries, undefined, 1)}\n`);
}

async function readManifest(folder: string): Promise<ManifestEntry[] | undefined> {
  try {
    const entries: unknown = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    return Array.isArray(entries) ? (entries as ManifestEntry[]) : undefined;
  } catch {
    return undefined;
  }
}

async function filesBelow(folder: string): Promise<{ path: string; size: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries.filter((e) => e.isFile()).map((e) => relative(folder, join(e.parentPath, e.name)));
  paths.sort();
  return Promise.all(paths.map(async (path) => ({ path, size: (await stat(join(folder, path))).size })));
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
