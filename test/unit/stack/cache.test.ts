import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlatformError } from '../../../common/errors.ts';
import {
  type Artifact,
  artifactKey,
  defaultCacheDir,
  isCached,
  provide,
  verifyOrRemove,
} from '../../../stack/cache.ts';

const report = (): void => {};

function artifactThat(build: Artifact['build']): Artifact {
  return { name: 'thing', version: '1', recipe: 'r', tools: [], needs: [], neededBytes: 1, build };
}

describe('the cache of fetched servers', () => {
  let cacheDir: string;
  let builds = 0;
  const artifact = artifactThat(async (job) => {
    builds++;
    await new Promise((resolve) => setTimeout(resolve, 50));
    writeFileSync(join(job.files, 'a.jar'), 'contents');
  });
  const file = (): string => join(cacheDir, artifactKey(artifact), 'files', 'a.jar');

  beforeEach(() => {
    cacheDir = mkdtempSync(join(tmpdir(), 'zeelos-cache-'));
    builds = 0;
  });
  afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

  it('fetches once, also for two that ask at the same time', async () => {
    const [first, second] = await Promise.all([
      provide(artifact, { cacheDir, report }),
      provide(artifact, { cacheDir, report }),
    ]);
    assert.equal(first, second);
    assert.equal(builds, 1);
    await provide(artifact, { cacheDir, report });
    assert.equal(builds, 1);
    assert.equal(readFileSync(file(), 'utf8'), 'contents');
  });

  it('removes a copy with a truncated file and fetches it anew', async () => {
    await provide(artifact, { cacheDir, report });
    writeFileSync(file(), 'cont');
    assert.equal(await isCached(cacheDir, artifact), false);
    await provide(artifact, { cacheDir, report });
    assert.equal(builds, 2);
    assert.equal(readFileSync(file(), 'utf8'), 'contents');
  });

  it('notices a file too many and a file too few', async () => {
    await provide(artifact, { cacheDir, report });
    writeFileSync(`${file()}.more`, '');
    assert.equal(await isCached(cacheDir, artifact), false);
    rmSync(`${file()}.more`);
    assert.equal(await isCached(cacheDir, artifact), true);
    rmSync(file());
    assert.equal(await isCached(cacheDir, artifact), false);
  });

  it('finds changed bytes of the same size only when it reads everything, and removes that copy', async () => {
    await provide(artifact, { cacheDir, report });
    assert.equal(await verifyOrRemove(artifact, { cacheDir, report }), true);
    writeFileSync(file(), 'c0ntents');
    assert.equal(await isCached(cacheDir, artifact), true);
    assert.equal(await verifyOrRemove(artifact, { cacheDir, report }), false);
    assert.equal(existsSync(file()), false);
  });

  it('leaves nothing of a failed fetch and frees its lock', async () => {
    const failing = artifactThat(async (job) => {
      writeFileSync(join(job.files, 'a.jar'), 'half');
      throw new Error('cut off');
    });
    await assert.rejects(provide(failing, { cacheDir, report }), { code: 'STACK_FETCH_FAILED' });
    assert.equal(await isCached(cacheDir, failing), false);
    assert.equal(existsSync(join(cacheDir, 'staging', artifactKey(failing))), false);
    await provide(artifact, { cacheDir, report });
    assert.equal(readFileSync(file(), 'utf8'), 'contents');
  });

  it('refuses an empty result', async () => {
    await assert.rejects(
      provide(
        artifactThat(async () => {}),
        { cacheDir, report },
      ),
      { code: 'STACK_FETCH_FAILED' },
    );
  });

  it('gives the reason of an abort', async () => {
    const abort = new AbortController();
    const reason = new PlatformError('SHUTTING_DOWN', 'stopped');
    const aborted = artifactThat(async () => {
      abort.abort(reason);
      throw new Error('killed');
    });
    await assert.rejects(provide(aborted, { cacheDir, report, signal: abort.signal }), { code: 'SHUTTING_DOWN' });
  });

  it('says before a fetch when the disk is too full or a tool is missing', async () => {
    const huge = { ...artifact, neededBytes: Number.MAX_SAFE_INTEGER };
    await assert.rejects(provide(huge, { cacheDir, report }), { code: 'STACK_DISK_FULL' });
    assert.equal(builds, 0);
  });

  it('takes over from a process killed in the middle of a fetch', async function () {
    this.timeout(20_000);
    const module = join(import.meta.dirname, '../../../stack/cache.ts');
    const script = `import { provide } from ${JSON.stringify(module)};
      import { writeFileSync } from 'node:fs';
      const build = async (job) => { writeFileSync(job.files + '/a.jar', 'half'); console.log('building'); await new Promise((r) => setTimeout(r, 60000)); };
      await provide({ name: 'thing', version: '1', recipe: 'r', tools: [], needs: [], neededBytes: 1, build }, { cacheDir: ${JSON.stringify(cacheDir)}, report() {} });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.equal(await isCached(cacheDir, artifact), false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await provide(artifact, { cacheDir, report });
    assert.equal(readFileSync(file(), 'utf8'), 'contents');
  });

  it('keeps a changed recipe beside the old copy', () => {
    assert.notEqual(artifactKey(artifact), artifactKey({ ...artifact, recipe: 'other' }));
  });

  it('lies where ZEELOS_CACHE says', () => {
    assert.equal(defaultCacheDir({ ZEELOS_CACHE: '/x' }), '/x');
  });
});
