import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockHolder, lockOrWait, tryLock } from '../../../stack/lock.ts';

describe('a lock', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-lock-'));
    path = join(folder, 'x.lock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('has one holder, who says what runs', () => {
    const first = tryLock(path);
    first?.describe({ registry: 'http://127.0.0.1:1' });
    assert.equal(tryLock(path), undefined);
    assert.equal(lockHolder(path)?.process.pid, process.pid);
    assert.deepEqual(lockHolder(path)?.facts, { registry: 'http://127.0.0.1:1' });
    first?.release();
    first?.release();
    assert.equal(lockHolder(path), undefined);
    const second = tryLock(path);
    assert.notEqual(second, undefined);
    second?.release();
  });

  it('is waited for, and the wait can be given up', async () => {
    const first = tryLock(path);
    let waits = 0;
    const onWait = (): void => {
      waits++;
      if (waits === 2) first?.release();
    };
    (await lockOrWait(path, onWait)).release();
    assert.equal(waits, 2);
    const held = tryLock(path);
    const abort = new AbortController();
    const given = lockOrWait(path, () => abort.abort(new Error('enough')), abort.signal);
    await assert.rejects(given);
    held?.release();
  });

  it('is free again when its holder is killed', async function () {
    this.timeout(15_000);
    const module = join(import.meta.dirname, '../../../stack/lock.ts');
    const script = `import { tryLock } from ${JSON.stringify(module)};
      globalThis.lock = tryLock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.equal(tryLock(path), undefined);
    assert.equal(lockHolder(path)?.process.pid, child.pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(lockHolder(path), undefined);
    const next = tryLock(path);
    assert.notEqual(next, undefined);
    next?.release();
  });
});
